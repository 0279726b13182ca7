"""Somebody else's dump, run statement by statement in a side database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import explain
from lastgood.drivers.database.postgres.foreign.permitted import Act, permitted
from lastgood.errors import LastgoodError, RefusedError

if TYPE_CHECKING:
    from psycopg import Connection, Error

    from lastgood.drivers.database.postgres.foreign.script import Script, Statement
    from lastgood.process.masking import Masker

_POWERS = """
    SELECT rolsuper OR pg_catalog.pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER')
        OR pg_catalog.pg_has_role(current_user, 'pg_write_server_files', 'MEMBER')
        OR pg_catalog.pg_has_role(current_user, 'pg_read_server_files', 'MEMBER')
      FROM pg_catalog.pg_roles WHERE rolname = current_user"""
# The dump's own fault, unless the server says that it is in trouble itself.
_THE_DUMPS = frozenset({"database-failed", "not-permitted"})


def refuse_powers(connection: Connection[Any]) -> None:
    """Refuse a role that could do harm outside of the database.

    Raises:
        RefusedError: it may run programs or touch files on the server (`import-superuser`).
    """
    row = connection.execute(_POWERS).fetchone()
    if row is None or row[0]:
        raise RefusedError(
            "our role may do anything on the server, and so might the dump",
            cause="functions in a dump run with the rights of the role that loads it",
            mend="name an ordinary role that owns the database by `dsn`; or, when the dump is your "
            "own, --trusted",
            code="import-superuser",
        )


def taken_in(connection: Connection[Any], script: Script, masker: Masker) -> int:
    """Run a dump; gives how many of its statements could not be carried out here, harmlessly.

    Raises:
        RefusedError: the dump is cut off or damaged, or the server does not take it
            (`dump-not-loadable`).
        RemoteError: the server failed.
    """
    import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

    left = 0
    for statement in script:
        permit = permitted(statement)
        if permit.act is Act.SKIP:
            left += 1
            continue
        try:
            if permit.act is Act.COPY:
                _copied(connection, statement, script)
            else:
                # Asked for in binary the server takes one statement and no second one behind it.
                connection.execute(statement.text, binary=True)
        except psycopg.Error as error:
            if error.sqlstate not in permit.forgiven:
                raise _not_taken(statement, error, masker) from error
            left += 1
    return left


def _copied(connection: Connection[Any], statement: Statement, script: Script) -> None:
    with connection.cursor().copy(statement.text) as copy:
        for rows in script.rows():
            copy.write(rows)


def _not_taken(statement: Statement, error: Error, masker: Masker) -> LastgoodError:
    what = f"the dump's statement in line {statement.line} failed"
    told = explain(what, error, masker, "database-failed")
    if told.code not in _THE_DUMPS:
        return told
    return RefusedError(
        what,
        cause=told.cause,
        mend="give the server what the dump needs (an extension, a newer version), or take another "
        "dump",
        code="dump-not-loadable",
    )
