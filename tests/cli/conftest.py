"""The command line as people use it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.keeper import Keeper

from lastgood.demo.ending import end_runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.shop import Shop

LIMIT_S = 100


class Said(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def lastgood(tmp_path: Path) -> Callable[..., Said]:
    """Runs `lastgood` in a folder (the test's own by default), with an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {"PATH", "TMPDIR", "LANG"} & os.environ.keys()
    environment = {name: os.environ[name] for name in kept}
    environment |= {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LASTGOOD_OPERATOR": "ada",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(*words: str, cwd: Path | None = None, **variables: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "lastgood", *words],
            cwd=cwd or tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=LIMIT_S,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def keeper(stall: Shop) -> Iterator[Keeper]:
    """Looks after the data of a small shop."""
    yield Keeper(stall)
    end_runner(stall.place / ".lastgood")
