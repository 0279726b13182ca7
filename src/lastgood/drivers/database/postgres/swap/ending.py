"""The sessions in a database: ended, waited for, or told that they stay."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from psycopg import Connection

_LOOK_S = 0.005
_SHOWN = 5
# Whom the server shows without a role are its own workers: it ends them by itself. Which kind the
# others are is hidden from us, so that is not asked.
MAY_END = """
    (SELECT m.rolsuper OR NOT r.rolsuper AND (
            pg_catalog.pg_has_role(r.oid, 'USAGE')
            OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE'))
       FROM pg_catalog.pg_roles m, pg_catalog.pg_roles r
      WHERE m.rolname = current_user AND r.oid = a.usesysid)"""
_END = f"""
    SELECT a.pid, a.usename,
           CASE WHEN {MAY_END} THEN pg_catalog.pg_terminate_backend(a.pid) END
      FROM pg_catalog.pg_stat_activity a
     WHERE a.datid = %s AND a.usesysid IS NOT NULL AND a.pid <> ALL (%s)"""  # noqa: S608 - ours
_PREPARED = """
    SELECT 'the prepared transaction ' || p.gid
      FROM pg_catalog.pg_prepared_xacts p JOIN pg_catalog.pg_database d ON d.datname = p.database
     WHERE d.oid = %s ORDER BY p.prepared LIMIT 1"""
_IN_IT = """
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
                    WHERE datid = %s AND usesysid IS NOT NULL)"""


def end_others(
    connection: Connection[Any],
    number: int,
    own: Connection[Any],
    ended: set[int],
    longest_s: float,
) -> None:
    """End every session in a database but ours, where new ones cannot come in.

    Args:
        connection: to another database.
        number: of the database.
        own: our session in it.
        ended: the numbers of those that were ended are put there.
        longest_s: what is still there then is waited for by nobody.

    Raises:
        RefusedError: somebody stays (`sessions-stay`).
    """
    # The server would wait for it for seconds, and then refuse.
    if prepared := [name for (name,) in connection.execute(_PREPARED, (number,))]:
        raise stays(prepared)
    # Not one after the other until each is gone: that would add up.
    until, mine = time.monotonic() + longest_s, [own.info.backend_pid]
    while time.monotonic() < until:
        rows = connection.execute(_END, (number, mine)).fetchall()
        ended |= {pid for pid, _, _ in rows}
        if not rows:
            return
        if any(did is None for _, _, did in rows):
            raise stays(sorted({role for _, role, did in rows if did is None}))
        time.sleep(_LOOK_S)


def wait_for_none(connection: Connection[Any], number: int, longest_s: float) -> None:
    """Wait until nobody is in a database: a session takes a moment after its end."""
    until = time.monotonic() + longest_s
    while time.monotonic() < until:
        row = connection.execute(_IN_IT, (number,)).fetchone()
        if row is None or not row[0]:
            return
        time.sleep(_LOOK_S)


def stays(who: list[str]) -> RefusedError:
    """The error for a database that somebody does not leave."""
    shown = ", ".join(harmless(one) for one in who[:_SHOWN])
    return RefusedError(
        "somebody stays in a database that is to be renamed",
        cause=f"not to be ended by us: {shown}",
        mend="end it, e.g. as a superuser; or name by `admin_dsn` a role that may",
        code="sessions-stay",
    )
