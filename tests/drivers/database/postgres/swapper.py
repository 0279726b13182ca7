"""A process that swaps and stays at one point until it is told to go on, or killed.

swapper.py DSN STATE POINT MARK: MARK appears when it is there; it goes on when MARK.over does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from tests.drivers.database.postgres.kept_copy import COPY

from lastgood.drivers.database.postgres.driver import make
from lastgood.drivers.database.postgres.options import PostgresOptions
from lastgood.drivers.database.postgres.swap.committing import Commit
from lastgood.drivers.database.postgres.swap.swapping import Counting
from lastgood.errors import LastgoodError
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

POINTS = ("counted", "closed", "hooks", "renamed", "committed")


def main(dsn: str, state: str, point: str, mark: str) -> None:
    def here(reached: str) -> None:
        if reached == point:
            Path(mark).touch()
            while not Path(f"{mark}.over").exists():
                time.sleep(0.02)

    place = Path(state)
    children = PlainChildren(Masker())
    toolbox = Toolbox(
        environment="production", name="main", base=place, state=place, children=children
    )
    driver = make(
        PostgresOptions.model_validate({"dsn": dsn, "before_open": ["SELECT 1"]}), toolbox
    )
    counting = driver._swaps._counting

    def lose(*of: Any) -> Any:
        found = counting.lose(*of)
        # So that there is something to be counted again.
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("INSERT INTO users (name) VALUES ('late')")
        here("counted")
        return found

    def compare(*of: Any) -> Any:
        here("closed")
        return counting.compare(*of)

    object.__setattr__(driver._swaps, "_counting", Counting(lose, compare))
    fenced: list[str] = []

    def fence() -> None:
        fenced.append("")
        # Asked once before the hooks are kept, and once before the names are.
        here("hooks" if len(fenced) == 1 else "renamed")

    confirm = Commit.confirm

    def confirmed(self: Commit) -> None:
        here("committed")
        confirm(self)

    Commit.confirm = confirmed  # type: ignore[method-assign]
    try:
        driver.swap(COPY, "run-1", None, fence=fence)
    except LastgoodError as error:
        sys.stdout.write(json.dumps({"code": error.code, "cause": error.cause}))
        sys.exit(1)
    sys.stdout.write(json.dumps({"code": "done"}))


if __name__ == "__main__":
    main(*sys.argv[1:])
