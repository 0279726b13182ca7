"""What belongs to a database and a dump leaves out, as SQL.

Owner, rights, settings of the database and of roles in it, limit and comment are kept by the
database's number: they stay with the replaced database when another takes its name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.sql import Composed

# Their value is a list of names; written as one literal it would become one strange name.
_LISTS = frozenset(
    {
        *("local_preload_libraries", "search_path", "session_preload_libraries"),
        *("shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"),
    }
)
_ELEMENT = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]*?))\s*(,|$)')

_DATABASE = """
    SELECT pg_catalog.pg_get_userbyid(datdba), datconnlimit, datacl IS NOT NULL,
           pg_catalog.shobj_description(oid, 'pg_database')
      FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"""
_RIGHTS = """
    SELECT a.privilege_type, a.grantee, pg_catalog.pg_get_userbyid(a.grantee), a.is_grantable
      FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
     WHERE d.datname = pg_catalog.current_database() ORDER BY 3, 1"""
_SET = """
    SELECT s.setrole, pg_catalog.pg_get_userbyid(s.setrole), pg_catalog.unnest(s.setconfig)
      FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
     WHERE d.datname = pg_catalog.current_database() ORDER BY 2, 3"""


def settings(connection: Connection[Any]) -> bytes:
    """The statements, one a line, as psql reads them."""
    encoding = connection.info.encoding
    written = "\n".join(
        f"{statement.as_string(connection)};" for statement in _statements(connection)
    )
    name = connection.info.parameter_status("client_encoding") or "UTF8"
    head = f"SET client_encoding TO '{name}';\nSET standard_conforming_strings TO on;\n"
    return f"{head}{written}\n".encode(encoding)


def _statements(connection: Connection[Any]) -> Iterator[Composed]:
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    name = sql.Identifier(connection.info.dbname)
    row = connection.execute(_DATABASE).fetchone()
    if row is None:  # we are connected to it
        return
    owner, limit, has_rights, comment = row
    yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(owner))
    yield sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(name, sql.SQL(str(int(limit))))
    if comment is not None:
        yield sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(comment))
    if has_rights:
        yield from _rights(connection, owner)
    for role, role_name, setting in connection.execute(_SET).fetchall():
        key, _, value = setting.partition("=")
        whose = sql.SQL("DATABASE {}").format(name)
        if role:
            whose = sql.SQL("ROLE {} IN {}").format(sql.Identifier(role_name), whose)
        yield sql.SQL("ALTER {} SET {} TO {}").format(
            whose, sql.SQL(".").join(map(sql.Identifier, key.split("."))), _value(key, value)
        )


def _rights(connection: Connection[Any], owner: str) -> Iterator[Composed]:
    from psycopg import sql  # noqa: PLC0415 - see above

    name = sql.Identifier(connection.info.dbname)
    # From nothing, so that what a new database gives everybody is not left.
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(name, sql.Identifier(owner))
    for right, grantee, role, grantable in connection.execute(_RIGHTS).fetchall():
        yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(right),
            name,
            sql.Identifier(role) if grantee else sql.SQL("PUBLIC"),
            sql.SQL(" WITH GRANT OPTION" if grantable else ""),
        )


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
