"""Side databases: made beside the live one, closed to everybody but us, listed, removed."""

from __future__ import annotations

import hashlib
import re
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import LastgoodError, RefusedError, RemoteError, UsageError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.catalog.template import Template
    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.process.masking import Masker

# What PostgreSQL keeps of a name, in bytes; the rest it would cut off silently.
LONGEST_NAME = 63
MARK = "__lg_"
# Another mark, so that who removes forgotten side databases does not even see the kept ones.
KEPT_MARK = "__lgwarm_"
QUARANTINE_MARK = "__lgq_"
BEFORE_MARK = "__lgbefore_"
# Of connections, to a database that we opened: so one that a crash of ours left open is told from
# one that somebody opened. A limit that nobody else gives, and that is never reached.
OPENED_BY_US = 8_191
_ID = re.compile(r"(?!.*__lg)[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", re.ASCII)
_DIGEST = 8
_MAY_CREATE = """
    SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"""
_ALL = """
    SELECT datname FROM pg_catalog.pg_database
     WHERE pg_catalog.strpos(datname, %s) > 0 ORDER BY datname"""


class Sides:
    """The side databases of one database, on one server.

    Args:
        live: the live database's name, from which theirs are made.
        admin: an address on the server whose role may make databases.
        elsewhere: whether the server is another one than the live database's.
        mark: what stands between the live database's name and the id.
    """

    def __init__(
        self, live: str, admin: Address, masker: Masker, *, elsewhere: bool, mark: str = MARK
    ) -> None:
        self._live = live
        self._admin = admin
        self._masker = masker
        self._elsewhere = elsewhere
        self._mark = mark

    def name(self, side: str) -> str:
        """The database's name: `LIVE__lg_ID`, at most 63 bytes.

        Raises:
            UsageError: the id is none (`side-name`).
        """
        if not _ID.fullmatch(side):
            raise UsageError(
                f"{harmless(side)[:60]!r} cannot be in a side database's name",
                cause="an id is letters, digits, `_`, `-` and full stops, at most 40",
                mend="give it the backup's id",
                code="side-name",
            )
        return named(self._live, side, self._mark)

    def found(self) -> list[str]:
        """The ids of those that are there."""
        with self.connected("the side databases cannot be listed") as connection:
            names = [name for (name,) in connection.execute(_ALL, (self._mark,))]
        return [side for side in map(self.id_of, names) if side is not None]

    def id_of(self, name: str) -> str | None:
        """The id in a database's name; None when it is no side database of ours."""
        side = name.rpartition(self._mark)[2]
        return side if _ID.fullmatch(side) and self.name(side) == name else None

    def create(self, side: str, template: Template, owner: str) -> None:
        """Make an empty one, closed; nobody but its owner will have the right to enter it.

        Raises:
            RefusedError: we may not (`no-createdb`), or it is there (`side-exists`).
        """
        self._create(side, "template0", template.clauses(here=not self._elsewhere), owner)

    def copy(self, side: str, copy: str, owner: str) -> None:
        """Make another of all that is in a closed one; as `create`."""
        self._create(copy, self.name(side), [], owner)

    def _create(self, side: str, source: str, clauses: list[Composed], owner: str) -> None:
        from psycopg import errors, sql  # noqa: PLC0415 - for those who need it

        name = self.name(side)
        with self.connected(f"the side database {name} cannot be made") as connection:
            self._may_create(connection)
            if owner != role_of(connection):
                clauses = [*clauses, sql.SQL("OWNER {}").format(sql.Identifier(owner))]
            try:
                # Closed from its first moment: a new database admits every role.
                connection.execute(
                    sql.SQL("CREATE DATABASE {} TEMPLATE {} ALLOW_CONNECTIONS false {}").format(
                        sql.Identifier(name), sql.Identifier(source), sql.SQL(" ").join(clauses)
                    )
                )
            except (errors.DuplicateDatabase, errors.UniqueViolation):
                raise RefusedError(
                    f"there is a side database {harmless(name)} already",
                    cause="another restore made it, or a crash left it",
                    mend="see that no other restore runs, then drop it and try again",
                    code="side-exists",
                ) from None
            revoked = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")
            connection.execute(revoked.format(sql.Identifier(name)))

    @contextmanager
    def opened(self, side: str) -> Iterator[str]:
        """Let its owner in while the context lasts; gives the database's name."""
        name = self.name(side)
        self._allow(name, whether=True)
        try:
            yield name
        except BaseException:
            # What went wrong matters more than that the door cannot be closed for the same reason.
            with suppress(LastgoodError):
                self._allow(name, whether=False)
            raise
        self._allow(name, whether=False)

    def drop(self, side: str) -> None:
        """Remove it, whoever is connected to it."""
        from psycopg import sql  # noqa: PLC0415 - see above

        name = self.name(side)
        with self.connected(f"the side database {name} cannot be removed") as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _may_create(self, connection: Connection[Any]) -> None:
        if may_create(connection):
            return
        raise RefusedError(
            f"the role {harmless(role_of(connection))} may not make databases here",
            cause="a backup is proven by restoring it into a database of its own",
            mend="ALTER ROLE ... CREATEDB, or name a role that may by `admin_dsn`, or another "
            "server by `proof_dsn`",
            code="no-createdb",
        )

    def _allow(self, name: str, *, whether: bool) -> None:
        from psycopg import sql  # noqa: PLC0415 - see above

        statement = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {} CONNECTION LIMIT {}")
        limit = sql.Literal(OPENED_BY_US if whether else -1)
        with self.connected(f"the side database {name} cannot be opened or closed") as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(whether), limit))

    @contextmanager
    def connected(self, what: str) -> Iterator[Connection[Any]]:
        """A connection on which the server's errors are said to be about `what`."""
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self._admin.connected())
            except RemoteError:
                # The live database may be the broken one; the work is the server's.
                connection = stack.enter_context(self._admin.connected("postgres"))
            with told(harmless(what), self._masker):
                yield connection


def named(live: str, side: str, mark: str = MARK) -> str:
    """The name of a side database; a live name that is too long is cut and told apart by a hash."""
    plain = f"{live}{mark}{side}"
    if len(plain.encode()) <= LONGEST_NAME:
        return plain
    digest = hashlib.sha256(live.encode()).hexdigest()[:_DIGEST]
    rest = f"~{digest}{mark}{side}"
    cut = live.encode()[: LONGEST_NAME - len(rest)].decode(errors="ignore")
    return f"{cut}{rest}"


def may_create(connection: Connection[Any]) -> bool:
    """Whether the role of a connection may make databases."""
    row = connection.execute(_MAY_CREATE).fetchone()
    return row is not None and bool(row[0])


def role_of(connection: Connection[Any]) -> str:
    """The role that a connection acts as."""
    row = connection.execute("SELECT current_user").fetchone()
    return str(row[0]) if row else ""
