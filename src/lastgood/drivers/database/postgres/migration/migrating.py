"""Alembic on one of our databases: how it is called, where its scripts lie, what it is told."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from lastgood.drivers.database.postgres.catalog.shape import lines
from lastgood.drivers.database.postgres.catalog.tables import columns, tables
from lastgood.drivers.database.postgres.client.private import write_private
from lastgood.drivers.database.postgres.migration.revision import schema_revision
from lastgood.errors import RefusedError
from lastgood.ports.migrating import Schema, Scripts
from lastgood.process.environment import inherited

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Target
    from lastgood.drivers.database.postgres.options import Migrations
    from lastgood.ports.migrating import Unpack

TOOL = "alembic"
# Of ours, and of libpq alone: what a team's own driver may not know.
_LEFT_OUT = frozenset(
    {
        *("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "application_name", "host", "port", "user", "dbname", "password"),
    }
)
# A change of a table waits for all who use it, and all others wait behind it.
_LOCKS = "-c lock_timeout=20s"
# The address is never in it: whoever does not read the variable is led by libpq's own ones, and
# nobody by an address that the team's own file may name. Loggers, since most scripts ask for them.
_INI = """\
[alembic]
script_location = {path}
prepend_sys_path = {beside}
path_separator = os
sqlalchemy.url = postgresql+psycopg://

[loggers]
keys = root,sqlalchemy,alembic

[handlers]
keys = console

[formatters]
keys = generic

[logger_root]
level = WARNING
handlers = console
qualname =

[logger_sqlalchemy]
level = WARNING
handlers =
qualname = sqlalchemy.engine

[logger_alembic]
level = WARNING
handlers =
qualname = alembic

[handler_console]
class = StreamHandler
args = (sys.stderr,)
level = NOTSET
formatter = generic

[formatter_generic]
format = %(levelname)-5.5s [%(name)s] %(message)s
"""


def why_not(described: Migrations | None) -> str:
    """Why no migration can be run; empty when one can be."""
    if described is None:
        return "`migrations` does not say where they are"
    if described.tool != TOOL:
        return f"only {TOOL} is known, `migrations.tool` names another"
    return ""


def laid_out(folder: Path, described: Migrations, unpack: Unpack, target: Target) -> Scripts:
    """Unpack migrations in a private folder, at their place as in the repository.

    Raises:
        RefusedError: they cannot be unpacked, or the tool is not known or not there (`no-tool`).
    """
    if reason := why_not(described):
        raise _no_tool(reason)
    place = folder / "repository"
    scripts = place.joinpath(described.path)
    scripts.parent.mkdir(mode=0o700, parents=True)
    unpack(scripts)
    ini = place / ".lastgood.ini"
    beside = scripts.parent.relative_to(place)
    write_private(ini, _INI.format(path=_literal(described.path), beside=_literal(str(beside))))
    url = _url(target)
    env = {described.url_variable: url, "PGOPTIONS": _LOCKS, **_variables(target)}
    return Scripts(
        command=(*_command(described), "-c", str(ini)),
        env=env,
        secrets=(url, *target.secrets.values()),
        cwd=place,
        limit_s=described.timeout,
    )


def schema_of(connection: Connection[Any]) -> Schema:
    """The schema, in the transaction of a connection whose text forms are fixed."""
    return Schema(
        revision=schema_revision(connection),
        lines=tuple(sorted(lines(connection))),
        columns=columns(connection),
    )


def rows_of(
    connection: Connection[Any], names: Sequence[str], longest_s: float
) -> dict[str, int | None]:
    """How many rows tables have; None where counting one took longer than that."""
    from psycopg import errors, sql  # noqa: PLC0415 - a quarter of a second, for who needs it

    connection.execute(
        "SELECT pg_catalog.set_config('statement_timeout', %s, false)", (f"{longest_s * 1000:.0f}",)
    )
    found: dict[str, int | None] = {}
    for relation in tables(connection):
        if relation.sql in names:
            table = sql.Identifier(relation.schema, relation.name)
            query = sql.SQL("SELECT pg_catalog.count(*) FROM ONLY {}").format(table)
            try:
                row = connection.execute(query).fetchone()
            except errors.QueryCanceled:
                row = None
            found[relation.sql] = int(row[0]) if row else None
    return found


def _command(described: Migrations) -> Sequence[str]:
    if described.command:
        return described.command
    found = shutil.which(TOOL, path=inherited().get("PATH"))
    return (found,) if found else (sys.executable, "-P", "-m", TOOL)


def _url(target: Target) -> str:
    """An address as SQLAlchemy and libpq both read it."""
    keywords = {**target.keywords, **target.secrets}
    host = keywords.get("host", "")
    socket = host.startswith(("/", "@"))
    more = {key: value for key, value in keywords.items() if key not in _LEFT_OUT}
    if socket:
        more = {"host": host, "port": keywords["port"], **more}
    place = "" if socket else f"{f'[{host}]' if ':' in host else host}:{keywords['port']}"
    secret = f":{quote(keywords['password'], safe='')}" if keywords.get("password") else ""
    query = f"?{urlencode(more, quote_via=quote)}" if more else ""
    user = quote(keywords["user"], safe="")
    return f"postgresql://{user}{secret}@{place}/{quote(keywords['dbname'], safe='')}{query}"


def _variables(target: Target) -> dict[str, str]:
    """The same for libpq itself."""
    keywords = {**target.keywords, **target.secrets}
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names |= {"dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}
    return {name: keywords[key] for key, name in names.items() if keywords.get(key)}


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _no_tool(cause: str) -> RefusedError:
    return RefusedError(
        "no migration can be run",
        cause=cause,
        mend="see `migrations` of the database: docs/databases.md",
        code="no-tool",
    )
