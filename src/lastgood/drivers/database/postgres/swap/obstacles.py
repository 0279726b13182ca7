"""What stands in the way of an exchange of names, asked before anything is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.address import pooled
from lastgood.drivers.database.postgres.swap.ending import MAY_END
from lastgood.errors import RefusedError
from lastgood.model.problem import Problem
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

_SHOWN = 5
_SERVER = """
    SELECT pg_catalog.pg_is_in_recovery(),
           pg_catalog.pg_postmaster_start_time()::pg_catalog.text"""
_DATABASE = f"""
    SELECT d.oid, d.datistemplate,
           m.rolsuper OR m.rolcreatedb AND pg_catalog.pg_has_role(d.datdba, 'USAGE'),
           EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
                    WHERE a.datid = d.oid AND a.usesysid IS NOT NULL AND NOT {MAY_END})
      FROM pg_catalog.pg_database d, pg_catalog.pg_roles m
     WHERE d.datname = %s AND m.rolname = current_user"""  # noqa: S608 - no text from outside
_PREPARED = """
    SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = %s ORDER BY prepared"""
_SLOTS = """
    SELECT slot_name FROM pg_catalog.pg_replication_slots
     WHERE slot_type = 'logical' AND database = %s ORDER BY 1"""
_SUBSCRIPTIONS = """
    SELECT subname FROM pg_catalog.pg_subscription WHERE subdbid = %s ORDER BY 1"""
_MAY_DROP_SLOTS = """
    SELECT rolsuper OR rolreplication FROM pg_catalog.pg_roles WHERE rolname = current_user"""
_NOT_OURS = f"""
    SELECT a.usename, pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a
     WHERE a.datid = %s AND a.usesysid IS NOT NULL AND NOT {MAY_END}
     GROUP BY 1 ORDER BY 1"""  # noqa: S608 - no text from outside


def refuse(problems: Sequence[Problem]) -> None:
    """All that stands in the way, in one error.

    Raises:
        RefusedError: there is something; with the code of the first.
    """
    if problems:
        raise RefusedError(
            "the copy cannot take the live database's place now",
            cause="; ".join(problem.what for problem in problems),
            mend="; ".join(dict.fromkeys(problem.mend for problem in problems)),
            code=problems[0].code,
        )


def through_pooler(connection: Connection[Any]) -> list[Problem]:
    """Whether a connection goes through a pooler."""
    if not pooled(connection):
        return []
    return [
        Problem(
            code="through-pooler",
            what="the address goes through a pooler: whose sessions are whose is not known there",
            mend="name the database past it by `direct_dsn`, and by `admin_dsn` where that is set",
        )
    ]


def of_server(live: Connection[Any], admin: Connection[Any]) -> Iterator[Problem]:
    """What is wrong with the server, or with our ways to it."""
    here, there = (one.execute(_SERVER).fetchone() for one in (live, admin))
    if here is None or there is None:  # a SELECT without FROM has one row
        return
    if here[0] or there[0]:
        yield Problem(
            code="standby",
            what="the server is a standby: nothing can be changed on it",
            mend="let the address lead to the primary",
        )
    if here[1] != there[1]:
        yield Problem(
            code="another-server",
            what="`admin_dsn` leads to another server than the live database's",
            mend="name the same server by it",
        )


def of_live(
    live: Connection[Any], admin: Connection[Any], name: str, *, drop_slots: bool
) -> Iterator[Problem]:
    """What is in the live database that a rename does not take along, or stumbles over."""
    row = admin.execute(_DATABASE, (name,)).fetchone()
    if row is None:
        yield Problem(
            code="no-database",
            what=f"there is no database {harmless(name)}",
            mend="look at `dsn`: the database may be quarantined, or have another name",
        )
        return
    number, template, may_rename, _ = row
    if template:
        yield Problem(
            code="template-database",
            what="the live database is a template, which others may be made of",
            mend="ALTER DATABASE ... IS_TEMPLATE false",
        )
    if not may_rename:
        yield _may_not_rename(admin, name)
    if held := _names(admin, _PREPARED, name):
        yield Problem(
            code="prepared-transactions",
            what=f"{_count(held, 'prepared transaction')} in the live database: {_shown(held)}",
            mend="COMMIT PREPARED or ROLLBACK PREPARED, each by its name",
        )
    yield from _slots(admin, name, drop_slots=drop_slots)
    if subscribed := _names(live, _SUBSCRIPTIONS, number):
        yield Problem(
            code="subscriptions",
            what=f"{_count(subscribed, 'subscription')} of the live database, which would go on "
            f"filling the replaced one: {_shown(subscribed)}",
            mend="DROP SUBSCRIPTION; make it again in the copy after the swap",
        )
    yield from sessions(admin, number)


def sessions(admin: Connection[Any], number: int) -> Iterator[Problem]:
    """Whose sessions in a database our role may not end."""
    rows = admin.execute(_NOT_OURS, (number,)).fetchall()
    if rows:
        who = ", ".join(f"{count} of {harmless(role)}" for role, count in rows[:_SHOWN])
        yield Problem(
            code="sessions-not-ours",
            what=f"sessions in the live database that our role may not end: {who}",
            mend="GRANT pg_signal_backend TO our role; those of superusers only a superuser ends: "
            "end them, or name one by `admin_dsn`",
        )


def of_copy(admin: Connection[Any], name: str) -> Iterator[Problem]:
    """What is wrong with the database that shall take the place."""
    row = admin.execute(_DATABASE, (name,)).fetchone()
    if row is None:
        yield Problem(
            code="no-copy",
            what=f"there is no database {harmless(name)}",
            mend="look which copies there are: lastgood backup list",
        )
        return
    _, _, may_rename, entered = row
    if not may_rename:
        yield _may_not_rename(admin, name)
    if entered:
        yield Problem(
            code="copy-entered",
            what=f"somebody is in the database {harmless(name)} whom our role may not end",
            mend="see who it is and end it; what the copy holds may have changed",
        )


def of_quarantine(admin: Connection[Any], name: str) -> list[Problem]:
    """Whether the name that the live database shall have is another's already."""
    if admin.execute(_DATABASE, (name,)).fetchone() is None:
        return []
    return [
        Problem(
            code="quarantine-exists",
            what=f"there is a database {harmless(name)} already: one was replaced under this id",
            mend="when it was by this swap, it is done; else give another id",
        )
    ]


def _slots(admin: Connection[Any], name: str, *, drop_slots: bool) -> Iterator[Problem]:
    slots = _names(admin, _SLOTS, name)
    if not slots:
        return
    what = f"{_count(slots, 'logical replication slot')} of the live database: {_shown(slots)}"
    if not drop_slots:
        yield Problem(
            code="replication-slots",
            what=f"{what}. They would stay with the replaced one and fill the server's disk",
            mend="stop their consumers and let them be dropped: --drop-slots",
        )
        return
    row = admin.execute(_MAY_DROP_SLOTS).fetchone()
    if row is None or not row[0]:
        yield Problem(
            code="slots-not-ours",
            what=f"{what}, which our role may not drop",
            mend="ALTER ROLE ... REPLICATION, or name a superuser by `admin_dsn`",
        )


def _may_not_rename(admin: Connection[Any], name: str) -> Problem:
    row = admin.execute("SELECT current_user").fetchone()
    role = harmless(row[0]) if row else "our role"
    return Problem(
        code="may-not-rename",
        what=f"the role {role} may not rename the database {harmless(name)}",
        mend="it needs CREATEDB and to own it, or to be a member of the owner; or name a role "
        "that may by `admin_dsn`",
    )


def _names(connection: Connection[Any], query: str, of: object) -> list[str]:
    return [str(name) for (name,) in connection.execute(query, (of,))]


def _count(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'s' if len(names) > 1 else ''}"


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(map(harmless, names[:_SHOWN]))}{more}"
