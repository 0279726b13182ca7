"""What `lastgood status` shows, read in milliseconds.

The other readers go through SQLAlchemy, whose import alone takes longer than a person at 3 a.m.
expects an answer to take, and status is asked for again and again. So this one file reads the same
tables with the standard library only, and only reads: it makes, changes and migrates nothing. The
tests hold it to the other readers on the same data, and so notice when the schema moves away.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import msgspec

from lastgood.model.hold import Hold
from lastgood.model.incident import Incident
from lastgood.model.lock import Lock
from lastgood.model.noun import Noun
from lastgood.model.release import Standing
from lastgood.model.watch import Watch
from lastgood.store import faults, revision

if TYPE_CHECKING:
    from pathlib import Path

BUSY_S = 10.0
N = TypeVar("N", bound=Noun)

_SERVICES = "SELECT DISTINCT service FROM releases WHERE environment = ? ORDER BY service"
_LIVE = """
    SELECT d."commit", d.at AS since, r.standing, r.same_tree_as
    FROM deployments d
    JOIN releases r USING (environment, service, "commit")
    WHERE environment = ? AND service = ?
    ORDER BY d.at DESC, d.id DESC LIMIT 1
"""
_KNOWN_GOOD = """
    SELECT r."commit", r.same_tree_as
    FROM releases r
    LEFT JOIN deployments d USING (environment, service, "commit")
    WHERE environment = ? AND service = ? AND r.standing = 'known-good'
    GROUP BY r."commit"
    ORDER BY max(d.at) IS NULL, max(d.at) DESC, max(d.id) DESC, r.recorded_at DESC, r."commit"
"""
_HOLDS = "SELECT * FROM holds WHERE environment = ? AND lifted_at IS NULL ORDER BY id"
_OPEN_RUNS = """
    SELECT id, "by", commanded_at, cancel_at FROM runs
    WHERE environment = ? AND state = 'open' ORDER BY commanded_at, id
"""
_LOCK = "SELECT * FROM locks WHERE environment = ?"
_INCIDENT = """
    SELECT * FROM incidents WHERE environment = ? AND resolved_at IS NULL
    ORDER BY opened_at DESC, id DESC LIMIT 1
"""
_WATCHES = """
    SELECT * FROM watches WHERE environment = ? AND state = 'pending' ORDER BY until, id
"""
_LAST_EVENT = "SELECT coalesce(max(seq), 0) AS seq FROM events"


class ServiceGlance(Noun, frozen=True, kw_only=True):
    """What the ledger says of a service.

    Attributes:
        commit: the live release; None when none was ever deployed.
        since: when it was put live.
        held: whether a hold stands on it.
        target: the newest known good release that is neither live nor held.
    """

    service: str
    commit: str | None = None
    standing: Standing | None = None
    since: datetime | None = None
    held: bool = False
    target: str | None = None


class OpenRun(Noun, frozen=True, kw_only=True):
    """A run without an end."""

    id: str
    by: str
    commanded_at: datetime
    cancel_at: datetime | None = None


class Glance(Noun, frozen=True, kw_only=True):
    """An environment at one time.

    Attributes:
        runs: the open ones, oldest command first.
        lock: who may change the environment.
        incident: the newest open one.
        watches: the pending ones.
        holds: the standing ones.
        last_event: the number of the newest event of any environment; 0 when there is none.
    """

    environment: str
    services: tuple[ServiceGlance, ...]
    runs: tuple[OpenRun, ...]
    lock: Lock
    incident: Incident | None
    watches: tuple[Watch, ...]
    holds: tuple[Hold, ...]
    last_event: int


def glance(path: Path, environment: str) -> Glance:
    """Read what there is to know of an environment at first sight.

    Raises:
        StateError: there is no state (code `no-state`), or it cannot be read by this version.
    """
    if not path.exists():
        raise revision.absent(path)
    try:
        with closing(_open(path)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")  # one view of all tables
            _check_revision(connection, path)
            return _read(connection, environment)
    except sqlite3.Error as error:
        raise faults.database_fault(error, path) from error
    except msgspec.ValidationError as error:
        raise faults.unreadable(error, path) from error


def _open(path: Path) -> sqlite3.Connection:
    """Open for reading; on a medium that cannot be written SQLite needs to be told so."""
    address = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
    except sqlite3.Error as error:
        connection.close()
        unfinished = path.with_name(f"{path.name}-wal")
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN or unfinished.exists():
            raise
        return sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)
    return connection


def _check_revision(connection: sqlite3.Connection, path: Path) -> None:
    named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    if connection.execute(named, (revision.TABLE,)).fetchone() is None:
        raise revision.foreign(path)
    found = connection.execute(f"SELECT version_num FROM {revision.TABLE}").fetchone()  # noqa: S608 - our own name
    if found is None:
        raise revision.foreign(path)
    if found[0] != revision.HEAD:
        report = revision.newer if found[0] > revision.HEAD else revision.older
        raise report(path, found[0])


def _read(connection: sqlite3.Connection, environment: str) -> Glance:
    here = (environment,)
    holds = _all(connection, Hold, _HOLDS, here)
    services = [str(row["service"]) for row in connection.execute(_SERVICES, here)]
    locks = _all(connection, Lock, _LOCK, here)
    incidents = _all(connection, Incident, _INCIDENT, here)
    return Glance(
        environment=environment,
        services=tuple(_service(connection, environment, name, holds) for name in services),
        runs=_all(connection, OpenRun, _OPEN_RUNS, here),
        lock=locks[0] if locks else Lock(environment=environment, epoch=0),
        incident=incidents[0] if incidents else None,
        watches=_all(connection, Watch, _WATCHES, here),
        holds=holds,
        last_event=connection.execute(_LAST_EVENT).fetchone()["seq"],
    )


def _service(
    connection: sqlite3.Connection, environment: str, service: str, holds: tuple[Hold, ...]
) -> ServiceGlance:
    held = {hold.commit for hold in holds if hold.service == service}
    live = connection.execute(_LIVE, (environment, service)).fetchone()
    tree = live and (live["same_tree_as"] or live["commit"])
    targets = (
        row["commit"]
        for row in connection.execute(_KNOWN_GOOD, (environment, service))
        if row["commit"] not in held and (row["same_tree_as"] or row["commit"]) != tree
    )
    target = next(targets, None)
    if live is None:
        return ServiceGlance(service=service, target=target)
    return ServiceGlance(
        service=service,
        commit=live["commit"],
        standing=msgspec.convert(live["standing"], Standing),
        since=msgspec.convert(live["since"], datetime),
        held=live["commit"] in held,
        target=target,
    )


def _all(
    connection: sqlite3.Connection, kind: type[N], query: str, arguments: tuple[Any, ...]
) -> tuple[N, ...]:
    """The rows of a query as nouns; a noun's fields and its table's columns have the same names."""
    return tuple(msgspec.convert(dict(row), kind) for row in connection.execute(query, arguments))
