"""What belongs to a database and a dump leaves out, as SQL.

Owner, rights, settings of the database and of roles in it, limit and comment are kept by the
database's number: they stay with the replaced database when another takes its name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.belongings import Belongings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.sql import Composed, Identifier

    from lastgood.drivers.database.postgres.catalog.belongings import Right, Setting

# Their value is a list of names; written as one literal it would become one strange name.
_LISTS = frozenset(
    {
        *("local_preload_libraries", "search_path", "session_preload_libraries"),
        *("shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"),
    }
)
_ELEMENT = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(,|$)')


def settings(connection: Connection[Any]) -> bytes:
    """The statements for the connection's database, one a line, as psql reads them."""
    encoding = connection.info.encoding
    name = connection.info.dbname
    written = "\n".join(
        f"{statement.as_string(connection)};"
        for statement in _statements(name, Belongings.of(connection, name))
    )
    client = connection.info.parameter_status("client_encoding") or "UTF8"
    head = f"SET client_encoding TO '{client}';\nSET standard_conforming_strings TO on;\n"
    return f"{head}{written}\n".encode(encoding)


def _statements(name: str, of: Belongings) -> Iterator[Composed]:
    yield owned(name, of.owner)
    yield limited(name, of.limit)
    if of.comment is not None:
        yield commented(name, of.comment)
    if of.has_rights:
        yield revoked(name, (None, of.owner))
        yield from (granted(name, right) for right in of.rights)
    for setting, value in of.settings.items():
        yield put(name, setting, value)


def owned(name: str, owner: str) -> Composed:
    """Give a database its owner."""
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    statement = sql.SQL("ALTER DATABASE {} OWNER TO {}")
    return statement.format(sql.Identifier(name), sql.Identifier(owner))


def limited(name: str, limit: int) -> Composed:
    """Give a database its limit of connections."""
    from psycopg import sql  # noqa: PLC0415 - see above

    statement = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    return statement.format(sql.Identifier(name), sql.SQL(str(int(limit))))


def commented(name: str, comment: str | None) -> Composed:
    """Give a database its comment."""
    from psycopg import sql  # noqa: PLC0415 - see above

    statement = sql.SQL("COMMENT ON DATABASE {} IS {}")
    return statement.format(sql.Identifier(name), sql.Literal(comment))


def revoked(
    name: str, roles: tuple[str | None, ...], *, privilege: str = "ALL", cascade: bool = False
) -> Composed:
    """Take all rights, or one, on a database from roles; None stands for everybody.

    From nothing rights are given anew, so that what a new database gives everybody is not left.
    """
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.SQL("REVOKE {} ON DATABASE {} FROM {}{}").format(
        sql.SQL(privilege),
        sql.Identifier(name),
        sql.SQL(", ").join(map(_grantee, roles)),
        sql.SQL(" CASCADE" if cascade else ""),
    )


def granted(name: str, right: Right) -> Composed:
    """Give a right on a database."""
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
        sql.SQL(right.privilege),
        sql.Identifier(name),
        _grantee(right.grantee),
        sql.SQL(" WITH GRANT OPTION" if right.grantable else ""),
    )


def put(name: str, setting: Setting, value: str | None) -> Composed:
    """Let a setting hold in a database; None lets it hold no more."""
    from psycopg import sql  # noqa: PLC0415 - see above

    whose = sql.SQL("DATABASE {}").format(sql.Identifier(name))
    if setting.role is not None:
        whose = sql.SQL("ROLE {} IN {}").format(sql.Identifier(setting.role), whose)
    key = sql.SQL(".").join(map(sql.Identifier, setting.key.split(".")))
    if value is None:
        return sql.SQL("ALTER {} RESET {}").format(whose, key)
    return sql.SQL("ALTER {} SET {} TO {}").format(whose, key, _value(setting.key, value))


def _grantee(role: str | None) -> Composed | Identifier:
    from psycopg import sql  # noqa: PLC0415 - see above

    return sql.Identifier(role) if role is not None else sql.SQL("{}").format(sql.SQL("PUBLIC"))


def _value(key: str, value: str) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    if key not in _LISTS:
        return sql.SQL("{}").format(sql.Literal(value))
    return sql.SQL(", ").join(map(sql.Literal, elements(value)))


def elements(value: str) -> list[str]:
    """The names in a list as the server keeps it: each quoted where it needs to be."""
    found, end = list[str](), 0
    while match := _ELEMENT.match(value, end):
        quoted, plain, comma = match.groups()
        found.append(plain if quoted is None else quoted.replace('""', '"'))
        end = match.end()
        if not comma:
            break
    return found
