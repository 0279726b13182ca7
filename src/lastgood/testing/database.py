"""What every database driver must do, whatever the database is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from lastgood.errors import ChildError, LastgoodError, RefusedError, UsageError
from lastgood.ports.database import KnowsRoom, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lastgood.model.backup import Fingerprint
    from lastgood.ports.database import Database

# Long enough for a loaded machine; a driver that honours its limit is asked for none shorter.
LIMIT_S = 600.0
FIRST, SECOND = "conforms-1", "conforms-2"
HOSTILE = ("", "a b", "a'b", 'a"b', "a;b", "../a", "-a", "a\nb", "é", "a" * 200)


class StreamError(Exception):
    """What breaks a stream of ours; a driver must let it through."""


def database_conforms(make: Callable[[], Database], change: Callable[[], None]) -> Fingerprint:
    """Hold a database to its port; gives what it held at first.

    Args:
        make: makes the driver for a database that holds rows; called several times.
        change: writes something into the database.

    Raises:
        AssertionError: it does not do what every database must.
    """
    # The port's methods are called from worker threads, not always from the same one.
    with ThreadPoolExecutor(1) as worker:
        before, dump = worker.submit(_dump, make(), change).result()
    _restore(make(), before, dump)
    _refuse(make(), before, dump)
    _leave_nothing(make(), dump)
    _let_go(make())
    _keep(make(), before, dump)
    database = make()
    database.drop(FIRST)
    database.drop(FIRST)
    _demand(database.sides() == [], "what was dropped is gone, and dropping it twice is no error")
    return before


def _dump(database: Database, change: Callable[[], None]) -> tuple[Fingerprint, list[bytes]]:
    facts = database.facts()
    _demand(bool(facts.name and facts.server and facts.version), "it says what and where it is")
    if isinstance(database, KnowsRoom):
        room = database.room()
        _demand(bool(room.how), "it says how it knows the room for copies, or why it does not")
        _demand(room.needed > 0 or room.free is None, "what a copy takes is known, or nothing is")
    with database.snapshot(LIMIT_S) as snapshot:
        _demand(snapshot.at.tzinfo is not None, "the snapshot's time has a zone")
        before = snapshot.fingerprint()
        _demand(before.rows > 0, "there are rows to compare")
        change()
        heard = list[Progress]()
        dump = list(snapshot.dump(heard.append))
        _grows(heard)
        _demand(snapshot.fingerprint().tables == before.tables, "a snapshot does not change")
        revision = snapshot.schema_revision()
        _demand(revision is None or bool(revision), "a schema's revision is a text, or unknown")
        for written in (snapshot.roles(), snapshot.settings()):
            _demand(isinstance(written, bytes), "roles and settings are bytes")
    with database.snapshot(LIMIT_S) as later:
        _demand(later.fingerprint() != before, "a change shows in the next snapshot")
    return before, dump


def _restore(database: Database, before: Fingerprint, dump: list[bytes]) -> None:
    _demand(database.sides() == [], "there is no side database at first")
    heard = list[Progress]()
    database.restore(FIRST, iter(dump), heard.append)
    _grows(heard)
    _demand(database.sides() == [FIRST], "a side database is listed by its id")
    after = database.fingerprint(FIRST)
    _demand(after.tables == before.tables, "every table comes back with the rows it had")
    _demand(after.shape == before.shape, "everything else comes back as it was")
    _demand(isinstance(database.verify(FIRST), list), "it can be verified")


def _refuse(database: Database, before: Fingerprint, dump: list[bytes]) -> None:
    _raises(RefusedError, partial(database.restore, FIRST, iter(dump)))
    _demand(database.fingerprint(FIRST).tables == before.tables, "what is refused harms nothing")
    for side in HOSTILE:
        _raises((UsageError, RefusedError), partial(database.restore, side, iter(dump)))
        _raises((UsageError, RefusedError), partial(database.drop, side))
    _demand(database.sides() == [FIRST], "a name that is none makes nothing")


def _leave_nothing(database: Database, dump: list[bytes]) -> None:
    whole = b"".join(dump)
    for broken in (b"", whole[: len(whole) // 2], b"SELECT 1;\n" * 1000):
        _raises(ChildError, partial(database.restore, SECOND, iter([broken])))
        _demand(database.sides() == [FIRST], "a dump that is none leaves nothing")
    _raises(StreamError, partial(database.restore, SECOND, _breaking(dump)))
    _demand(database.sides() == [FIRST], "a stream that breaks leaves nothing")


def _let_go(database: Database) -> None:
    with database.snapshot(LIMIT_S) as snapshot:
        for _ in snapshot.dump():
            break
        _demand(
            snapshot.fingerprint().rows > 0, "a dump that was not read to its end harms nothing"
        )


def _keep(database: Database, before: Fingerprint, dump: list[bytes]) -> None:
    _demand(database.kept() == [], "nothing is kept before it is asked for")
    _raises(RefusedError, partial(database.keep, SECOND))
    for side in HOSTILE:
        _raises((UsageError, RefusedError), partial(database.keep, side))
        _raises((UsageError, RefusedError), partial(database.drop_kept, side))
    if database.why_unkept():
        _raises(RefusedError, partial(database.keep, FIRST))
        return
    database.keep(FIRST)
    database.keep(FIRST)
    _demand(database.sides() == [], "a kept one is no side database that may be removed")
    database.drop(FIRST)
    found = database.kept()
    _demand([one.side for one in found] == [FIRST], "a kept one survives the removal of the others")
    _demand(not found[0].problems, "a kept one is closed to everybody")
    after = database.fingerprint(FIRST, kept=True)
    _demand(after.tables == before.tables, "a kept one can be compared again")
    _demand(not database.kept()[0].problems, "a kept one is closed again after it was read")
    database.restore(FIRST, iter(dump))
    _raises(RefusedError, partial(database.keep, FIRST))
    _demand(database.sides() == [FIRST], "what is refused harms neither of the two")
    for _ in range(2):
        database.drop_kept(FIRST)
        _demand(database.kept() == [], "what was dropped is gone, and twice is no error")
    _demand(database.sides() == [FIRST], "and nothing else is")


def _grows(heard: list[Progress]) -> None:
    tables = [one.tables for one in heard]
    _demand(tables == sorted(tables), "how far it is only grows")
    _demand(
        all(one.tables <= one.of_tables for one in heard if one.of_tables),
        "no more tables are done than there are",
    )


def _breaking(dump: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in dump:
        yield chunk[: len(chunk) // 2]
        raise StreamError


def _raises(kind: type[Exception] | tuple[type[Exception], ...], act: Callable[[], object]) -> None:
    try:
        act()
    except kind as error:
        if isinstance(error, LastgoodError):
            _demand(bool(error.message and error.cause and error.mend), "an error says all three")
        return
    raise AssertionError(f"this should have been refused: {kind}")


def _demand(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not holds:
        raise AssertionError(f"a database must do this: {what}")
