"""The revision of the schema that this version of lastgood reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "0001"
TABLE = "lastgood_revision"


def absent(path: Path) -> StateError:
    """There is no state yet."""
    return StateError(
        "there is no state yet",
        cause=f"{path} does not exist",
        mend="`lastgood releases import`, or any command that changes something, begins one",
        code="no-state",
    )


def foreign(path: Path) -> StateError:
    """The file is a database, but none of ours; also one that was emptied."""
    return StateError(
        f"{path} is not a state of lastgood",
        cause="it has no revision of our schema",
        mend="name another file under `state:`, or put the right one back from a backup",
        code="not-a-state",
    )


def newer(path: Path, found: str) -> StateError:
    """The state was written by a version that knows more than this one."""
    return StateError(
        f"the state {path} was written by a newer lastgood",
        cause=f"its schema is {found!r}, this version knows up to {HEAD!r}; nothing was changed",
        mend="upgrade lastgood on this machine: `pip install --upgrade lastgood`",
        code="state-newer",
    )


def older(path: Path, found: str) -> StateError:
    """The state waits for being brought up to this version."""
    return StateError(
        f"the state {path} was written by an older lastgood",
        cause=f"its schema is {found!r}, this version reads {HEAD!r}",
        mend="any command that opens the state brings it up, e.g. `lastgood releases list`",
        code="state-older",
    )
