"""Where a state lies, from its address."""

from __future__ import annotations

import os
from pathlib import Path

from lastgood.errors import StateError

_SQLITE = "sqlite:///"


def state_path(url: str, base: Path) -> Path:
    """The file of a SQLite state; a relative one lies under `base`.

    Raises:
        StateError: the address is of another kind, or names no file.
    """
    scheme = url.partition(":")[0]
    if scheme.partition("+")[0] in {"postgresql", "postgres"}:
        raise StateError(
            "the state cannot be on PostgreSQL",
            cause="not in this version: it keeps its state in a file on this machine",
            mend="write `state: sqlite:///.lastgood/state.db`",
            code="state-address",
        )
    name = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not name or name.endswith("/") or name == ":memory:":
        raise StateError(
            "the state's address names no file",
            cause=f"its scheme is {scheme!r}, or nothing that lasts follows it",
            mend="write `state: sqlite:///.lastgood/state.db`",
            code="state-address",
        )
    return Path(os.path.normpath(base.absolute() / name))
