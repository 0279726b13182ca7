"""How much room a server's disk has for another copy of a database.

SQL does not say it. Where the server runs on this machine its disk is measured; else the size of
its volume is what the configuration says, and what its databases take is taken off.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.config.options import spell_bytes
from lastgood.errors import RefusedError
from lastgood.ports.database import Room
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

# Whom the server would refuse a size gets none. A tablespace of its own is where copies go too.
_SIZES = """
    SELECT d.datname, CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
                             OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
                           THEN pg_catalog.pg_database_size(d.oid) END
      FROM pg_catalog.pg_database d
     WHERE d.datname = ANY (%(names)s) OR %(names)s IS NULL"""
# The setting shows only to those who may read it.
_PLACE = """
    SELECT (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'),
           (SELECT pg_catalog.pg_tablespace_location(d.dattablespace)
              FROM pg_catalog.pg_database d WHERE d.datname = %s),
           pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time()),
           pg_catalog.current_setting('port')"""
_TRIES = 5
# From the postmaster's first moment to the one that it shows over SQL: shared memory lies between.
_START_S = 60.0
_STARTED, _PORT = 2, 3
"""Lines of `postmaster.pid`."""


class _Disk(NamedTuple):
    """What is free on the disk; None where that is unknown, with how it is known, or why not."""

    free: int | None
    how: str


def room_on(
    connection: Connection[Any], live: str, kept: Collection[str], disk: int | None
) -> Room:
    """The room on the server of a connection.

    Args:
        connection: to any database of it.
        live: the name of the database that is copied.
        kept: the names of its kept copies.
        disk: the size of the server's volume, in bytes, as far as somebody said it.
    """
    sizes = _sizes(connection, [live, *kept])
    size = sizes.get(live)
    if size is None:
        how = f"our role may not see how large {harmless(live)} is"
        return Room(needed=0, kept=0, free=None, how=how)
    found = _measured(connection, live)
    if found.free is None and disk is not None:
        found = _left(_sizes(connection, None), disk)
    taken = sum(sizes.get(name) or 0 for name in kept)
    return Room(needed=size + size // 5, kept=taken, free=found.free, how=found.how)


def refuse_crowded(room: Room, live: str) -> None:
    """See that another copy fits.

    Raises:
        RefusedError: it does not (`no-room`).
    """
    lacking = room.lacking()
    if lacking:
        raise RefusedError(
            f"there is no room for a copy of {harmless(live)} on its server",
            cause=f"with a fifth to spare it takes {room.needed:,} bytes, and {room.free:,} are "
            f"free ({room.how})",
            mend=f"make room for {lacking:,} bytes more, or restore on another server by "
            "`proof_dsn`; a warm target takes room too: `warm_target: off`",
            code="no-room",
        )


def _sizes(connection: Connection[Any], names: list[str] | None) -> dict[str, int | None]:
    """How large these databases are, or all; None for one whose size we may not see."""
    from psycopg.errors import InvalidCatalogName  # noqa: PLC0415 - for those who need it

    for tries_left in reversed(range(_TRIES)):
        try:
            return dict(connection.execute(_SIZES, {"names": names}).fetchall())
        except InvalidCatalogName:  # dropped since it was listed, as side databases are
            if not tries_left:
                raise
    raise AssertionError


def _measured(connection: Connection[Any], live: str) -> _Disk:
    """What the disk has free, where the server is on this machine and its folder can be seen."""
    from psycopg.errors import InsufficientPrivilege  # noqa: PLC0415 - see above

    try:
        row = connection.execute(_PLACE, (live,)).fetchone()
    except InsufficientPrivilege:  # a provider took the right to call one of these from everybody
        row = None
    data, elsewhere, started, port = row or (None, None, 0.0, "")
    if not data:
        return _Disk(None, "our role may not ask where the server keeps its data")
    try:
        if not is_this(Path(data), float(started), str(port)):
            return _Disk(None, "the server is on another machine")
        found = os.statvfs(elsewhere or Path(data) / "base")
    except OSError as error:
        return _Disk(None, f"where the server keeps its data is not seen here: {error.strerror}")
    return _Disk(found.f_bavail * found.f_frsize, "measured on its disk")


def is_this(data: Path, started: float, port: str) -> bool:
    """Whether a folder on this machine is the one of a server that was asked.

    An address does not tell: behind a socket or a port of this machine there may be a tunnel or a
    container, and on this machine a standby whose folder has the same name and content.

    Raises:
        OSError: there is none, or we may not look into it.
    """
    lines = (data / "postmaster.pid").read_text("utf-8", errors="replace").splitlines()
    if len(lines) <= _PORT or not lines[_STARTED].strip().isdecimal():
        return False
    near = abs(int(lines[_STARTED]) - started) <= _START_S
    return near and lines[_PORT].strip() == port


def _left(sizes: dict[str, int | None], disk: int) -> _Disk:
    unseen = sorted(name for name, size in sizes.items() if size is None)
    if unseen:
        who = harmless(unseen[0])
        return _Disk(None, f"our role may not see how large {who} is: GRANT pg_read_all_stats")
    taken = sum(size or 0 for size in sizes.values())
    how = f"`disk: {spell_bytes(disk)}`, of which databases take {taken:,} bytes"
    return _Disk(max(0, disk - taken), how)
