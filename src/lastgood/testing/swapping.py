"""What every database must do whose place a copy can take, whatever the database is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lastgood.errors import LastgoodError, RefusedError, UsageError
from lastgood.model.loss import Precision
from lastgood.ports.swapping import Closed, Copy
from lastgood.testing.database import HOSTILE, LIMIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.ports.swapping import Swapping

WRITTEN = 2
FIRST, UNDO, OTHER = "conforms-1", "conforms-undo", "conforms-2"


class LeaseError(Exception):
    """What a fence of ours raises; a driver must let it through."""


def swapping_conforms(
    make: Callable[[], Swapping], copy: Copy, write: Callable[[], None], rows: Callable[[], int]
) -> None:
    """Hold a database to its port; at the end it is as it was, but for what was written.

    Args:
        make: makes the driver; called several times.
        copy: one of the database as it is.
        write: writes one more row.
        rows: how many rows are live.

    Raises:
        AssertionError: it does not do what every such database must.
    """
    before = rows()
    for _ in range(WRITTEN):
        write()
    _ask(make(), copy)
    _refuse(make(), copy, rows)
    _swap(make(), copy, before, rows)
    _undo(make(), before + WRITTEN, rows)


def _ask(database: Swapping, copy: Copy) -> None:
    _demand(database.obstacles(None) == [], "nothing stands in the way of a swap here")
    _demand(database.obstacles(copy) == [], "nor in the way of this copy")
    _demand(database.rehearse() == [], "a rehearsal shows nothing against it")
    missing = Copy(kind=copy.kind, id=OTHER)
    found = database.obstacles(missing)
    _demand([one.code for one in found] == ["no-copy"], "a copy that is not there is told")
    _demand(all(one.what and one.mend for one in found), "an obstacle has a mend")
    loss = database.loss(copy, longest_s=LIMIT_S)
    _demand(loss.vanishing == WRITTEN, "what was written since would vanish")
    _demand(
        all(one.precision is Precision.EXACT for one in loss.tables),
        "a small loss is known exactly",
    )


def _refuse(database: Swapping, copy: Copy, rows: Callable[[], int]) -> None:
    live = rows()
    for name in HOSTILE:
        _raises(partial(database.swap, copy, name, None, fence=_free))
        _raises(partial(database.swap, Copy(kind=copy.kind, id=name), FIRST, None, fence=_free))
        _raises(partial(database.drop_quarantined, name))
    missing = Copy(kind=Closed.QUARANTINED, id=OTHER)
    _raises(partial(database.swap, missing, FIRST, None, fence=_free), "no-copy")
    _raises(partial(database.swap, copy, FIRST, WRITTEN - 1, fence=_free), "loss-over-accepted")
    try:
        database.swap(copy, FIRST, None, fence=_stale)
    except LeaseError:
        pass
    else:
        raise AssertionError("a database must do this: ask whether we have a say still")
    _demand(database.quarantined() == [], "what is refused quarantines nothing")
    _demand(rows() == live, "what is refused changes nothing")
    _demand(database.obstacles(copy) == [], "and it can be done afterwards")


def _swap(database: Swapping, copy: Copy, before: int, rows: Callable[[], int]) -> None:
    done = database.swap(copy, FIRST, WRITTEN, fence=_free)
    _demand(rows() == before, "the copy is live")
    _demand(done.loss.vanishing == WRITTEN, "it says what went")
    _demand(done.at.tzinfo is not None and done.closed_s >= 0, "and when, and how long it was shut")
    found = database.quarantined()
    _demand([one.id for one in found] == [FIRST], "the replaced one is quarantined")
    _demand(found[0].bytes > 0 and not found[0].problems, "closed, and of a size")
    _raises(partial(database.swap, copy, OTHER, None, fence=_free), "no-copy")
    replaced = Copy(kind=Closed.QUARANTINED, id=FIRST)
    _raises(partial(database.swap, replaced, FIRST, None, fence=_free), "quarantine-exists")


def _undo(database: Swapping, live: int, rows: Callable[[], int]) -> None:
    replaced = Copy(kind=Closed.QUARANTINED, id=FIRST)
    _demand(database.obstacles(replaced) == [], "a replaced one can come back")
    done = database.swap(replaced, UNDO, 0, fence=_free)
    _demand(rows() == live, "then all is as it was")
    _demand(done.loss.vanishing == 0, "and nothing went")
    for _ in range(2):
        database.drop_quarantined(UNDO)
        _demand(database.quarantined() == [], "what was dropped is gone, and twice is no error")


def _free() -> None:
    """A lock that nobody took over."""


def _stale() -> None:
    raise LeaseError


def _raises(act: Callable[[], object], code: str = "") -> None:
    try:
        act()
    except (RefusedError, UsageError) as error:
        _demand(bool(error.message and error.cause and error.mend), "an error says all three")
        _demand(code in {"", error.code}, f"it refuses by the code {code}, not {error.code}")
        return
    except LastgoodError as error:
        raise AssertionError(f"this should have been refused: {error}") from error
    raise AssertionError("this should have been refused")


def _demand(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not holds:
        raise AssertionError(f"a database must do this: {what}")
