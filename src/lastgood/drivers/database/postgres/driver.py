"""One PostgreSQL database, and the side databases that are made of its backups."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.backup.contract import broken
from lastgood.drivers.database.postgres.backup.restorepoint import restore_point
from lastgood.drivers.database.postgres.backup.restoring import Restore, left_out, without_owners
from lastgood.drivers.database.postgres.backup.room import refuse_crowded, room_on
from lastgood.drivers.database.postgres.backup.snapshot import HeldSnapshot, hold
from lastgood.drivers.database.postgres.backup.verifying import verified
from lastgood.drivers.database.postgres.catalog.content import (
    fingerprint,
    fix_text_forms,
    next_numbers,
)
from lastgood.drivers.database.postgres.catalog.template import Template
from lastgood.drivers.database.postgres.client.address import Address, server_of
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.client.private import private_folder
from lastgood.drivers.database.postgres.client.programs import Programs, choose, newest, places
from lastgood.drivers.database.postgres.closed.keeping import Keeping
from lastgood.drivers.database.postgres.closed.sides import Sides, may_create, role_of
from lastgood.drivers.database.postgres.foreign.foreign import examine, refuse_changed, script_of
from lastgood.drivers.database.postgres.foreign.intake import refuse_powers, taken_in
from lastgood.drivers.database.postgres.migration.migrating import (
    laid_out,
    rows_of,
    schema_of,
    why_not,
)
from lastgood.drivers.database.postgres.migration.revision import schema_revision
from lastgood.drivers.database.postgres.replaceable import Replaceable
from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.model.problem import Problem
from lastgood.ports.database import DatabaseFacts, ForeignDump, Intake
from lastgood.process.masking import Masker, harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.options import PostgresOptions
    from lastgood.model.backup import Fingerprint
    from lastgood.ports.database import Heard, Kept, Room
    from lastgood.ports.migrating import Schema, Scripts, Unpack
    from lastgood.ports.toolbox import Toolbox

# DROP DATABASE ... WITH (FORCE) came with it.
OLDEST = 13
_FACTS = """
    SELECT current_setting('server_version'), pg_catalog.pg_database_size(d.oid),
           pg_catalog.pg_encoding_to_char(d.encoding), r.rolsuper,
           pg_catalog.pg_has_role(d.datdba, 'USAGE'), current_setting('data_checksums') = 'on'
      FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
     WHERE d.datname = pg_catalog.current_database() AND r.rolname = current_user"""


def make(options: PostgresOptions, toolbox: Toolbox) -> PostgresDatabase:
    """The driver's maker."""
    return PostgresDatabase(options, toolbox)


class PostgresDatabase(Replaceable):
    """Implements `ports.database.Database`, and `ports.swapping.Swapping`."""

    def __init__(self, options: PostgresOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._masker = Masker()
        self._private = toolbox.state / "postgres" / toolbox.name
        self._base = toolbox.base
        self._live = Address(options.live.reveal(), self._masker)
        proof = options.proof_dsn
        self._elsewhere = proof is not None
        self._loader = Address(proof.reveal(), self._masker) if proof else self._live
        admin = options.admin_dsn
        self._home = Address(admin.reveal(), self._masker) if admin else self._live
        self._admin = self._loader if proof else self._home

    def facts(self) -> DatabaseFacts:
        """See `Database.facts`."""
        with self._live.connected() as connection:
            with told("the database cannot be asked about itself", self._masker):
                row = connection.execute(_FACTS).fetchone()
            if row is None:
                raise RemoteError("the database is not in its own list", code="database-failed")
            programs = self._programs(connection)
            version, size, encoding, superuser, owner, checksums = row
            hindrances = list(self._hindrances())
            return DatabaseFacts(
                name=connection.info.dbname,
                server=server_of(connection),
                version=version.split(" ")[0],
                client_version=programs.version,
                bytes=size,
                encoding=encoding,
                superuser=superuser,
                createdb=not hindrances,
                owner=owner,
                checksums=checksums,
                problems=(
                    *_version_problems(_major(connection), programs),
                    *(hindrances or self._crowding()),
                ),
            )

    def snapshot(self, longest_s: float) -> AbstractContextManager[HeldSnapshot]:
        """See `Database.snapshot`."""
        return hold(self._live, self._programs, self._private, self._masker, longest_s)

    def proof_server(self) -> str:
        """See `Database.proof_server`."""
        with self._admin.connected() as connection:
            return server_of(connection)

    def restore(self, side: str, chunks: Iterable[bytes], heard: Heard | None = None) -> None:
        """See `Database.restore`."""
        template, leave_out, owner, programs = self._prepared()

        def load(name: str) -> None:
            with self._loader.connected(name) as connection:
                target = self._loader.target(connection)
            Restore(
                programs=programs, target=target, leave_out=leave_out, private=self._private,
                masker=self._masker, jobs=self._options.restore_jobs, heard=heard,
            ).load(chunks)  # fmt: skip

        self._filled(side, template, owner, load)

    def examine(self, path: Path) -> ForeignDump:
        """See `Database.examine`."""
        return examine(path, self._archivist(), self._private, self._masker)

    def take_in(self, side: str, path: Path, dump: ForeignDump, *, trusted: bool = False) -> Intake:
        """See `Database.take_in`."""
        template, _, owner, programs = self._prepared()
        with self._loader.connected() as connection, self._told(self._live.name):
            if not trusted:
                refuse_powers(connection)
            row = connection.execute("SELECT current_setting('server_version')").fetchone()
        left = 0

        def load(name: str) -> None:
            nonlocal left
            of = path, dump.format, self._archivist(), self._private, self._masker
            refuse_changed(path, dump)
            with self._loader.connected(name) as connection, script_of(*of) as script:
                connection.execute("SET search_path TO DEFAULT")  # a script may rely on it
                left = taken_in(connection, script, self._masker)
            refuse_changed(path, dump)

        self._filled(side, template, owner, load)
        version = str(row[0]).split(" ")[0] if row else ""
        return Intake(version=version, client_version=programs.version, left_out=left)

    @contextmanager
    def side_snapshot(self, side: str, longest_s: float) -> Iterator[HeldSnapshot]:
        """See `Database.side_snapshot`."""
        with self._sides.opened(side) as name:
            address = self._loader.beside(name)
            with hold(address, self._programs, self._private, self._masker, longest_s) as held:
                yield held

    def _filled(
        self, side: str, template: Template, owner: str, load: Callable[[str], None]
    ) -> None:
        """Make a side database and load it; whatever fails, nothing of it is left."""
        if not self._elsewhere:
            refuse_crowded(self.room(), self._live.name)
        self._sides.create(side, template, owner)
        try:
            with self._sides.opened(side) as name:
                load(name)
                with self._loader.connected(name) as connection, self._told(name):
                    # Whoever enters it after a swap must not wait for its statistics.
                    connection.execute("ANALYZE")
        except BaseException as error:
            self._undo(side, error)
            raise

    def _archivist(self) -> Programs:
        """The programs that read archives: the newest, whatever server they came from."""
        found = newest(places(self._options.programs))
        if found is None:
            # It says so, with all that it knows.
            return choose(OLDEST, places(self._options.programs))
        return found

    def fingerprint(self, side: str, *, kept: bool = False) -> Fingerprint:
        """See `Database.fingerprint`."""
        with self._reading(side, kept=kept) as connection, self._told(self._sides.name(side)):
            fix_text_forms(connection)
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return fingerprint(connection, next_numbers(connection))

    def verify(self, side: str) -> list[Problem]:
        """See `Database.verify`."""
        options = self._options
        with self._reading(side) as connection, self._told(self._sides.name(side)):
            return verified(connection, options.verify, options.verify_timeout, self._masker)

    def contract(self, side: str, releases: Mapping[str, str]) -> list[Problem]:
        """See `Contracted.contract`."""
        contract = self._options.contract
        if contract is None:
            return []
        where = self._base, self._private / "guards"
        with self._sides.opened(side) as name:
            url = self._loader.read_only_url(name)
            return broken(contract, url, releases, where, self._masker)

    def drop(self, side: str) -> None:
        """See `Database.drop`."""
        self._sides.drop(side)

    def sides(self) -> list[str]:
        """See `Database.sides`."""
        return self._sides.found()

    def why_unkept(self) -> str:
        """See `Database.why_unkept`."""
        if self._elsewhere:
            return "backups are restored on another server (`proof_dsn`)"
        with self._live.connected() as live, self._told(self._live.name):
            if without_owners(left_out(live)):
                return (
                    f"the role {harmless(role_of(live))} may not restore owners and rights: "
                    "make it a member of every owner"
                )
        room = self.room()
        if room.lacking(regained=room.kept):  # those go once it stands
            return (
                "beside it there would be no room to prove the next backup: that takes "
                f"{room.needed:,} bytes, and {(room.free or 0) + room.kept:,} would be free"
            )
        return ""

    def keep(self, side: str) -> None:
        """See `Database.keep`."""
        if self._elsewhere:
            raise RefusedError(
                f"the side database {side} cannot be kept",
                cause=self.why_unkept(),
                mend="leave `proof_dsn` away, or set `warm_target: off`",
                code="kept-elsewhere",
            )
        self._keeping.keep(side)

    def kept(self) -> list[Kept]:
        """See `Database.kept`."""
        return self._keeping.found()

    def drop_kept(self, side: str) -> None:
        """See `Database.drop_kept`."""
        self._keeping.sides.drop(side)

    def room(self) -> Room:
        """See `KnowsRoom.room`."""
        names = [self._keeping.sides.name(one.side) for one in self.kept()]
        what = f"the room on the server of {self._live.name} is not known"
        with self._keeping.sides.connected(what) as connection:
            return room_on(connection, self._live.name, names, self._options.disk)

    def restore_point(self, name: str) -> str:
        """See `RestorePoints.restore_point`."""
        # A right that is granted in the live database would be in its dump, which then only a
        # superuser could restore. The log is the whole server's.
        with self._live.connected("postgres") as connection:
            return restore_point(connection, name, self._masker)

    def why_unmigrated(self) -> str:
        """See `Migrating.why_unmigrated`."""
        return why_not(self._options.migrations)

    def revision(self) -> str | None:
        """See `Migrating.revision`."""
        with self._live.connected() as connection, self._told(self._live.name):
            return schema_revision(connection)

    @contextmanager
    def scripts(self, unpack: Unpack, side: str | None) -> Iterator[Scripts]:
        """See `Migrating.scripts`."""
        described = self._options.migrations
        if described is None:
            raise RefusedError("no migration can be run", cause=why_not(None), code="no-tool")
        with ExitStack() as stack:
            folder = stack.enter_context(private_folder(self._private))
            name = stack.enter_context(self._sides.opened(side)) if side is not None else None
            address = self._live if side is None else self._loader
            with address.connected(name) as connection:
                target = address.target(connection)
            yield laid_out(folder, described, unpack, target)

    def copy_side(self, side: str, copy: str) -> None:
        """See `Migrating.copy_side`."""
        if not self._elsewhere:
            refuse_crowded(self.room(), self._live.name)
        with self._loader.connected() as connection, self._told(self._live.name):
            owner = role_of(connection)
        try:
            self._sides.copy(side, copy, owner)
        except RefusedError:
            raise  # it is another's, or was never made
        except BaseException as error:
            self._undo(copy, error)
            raise

    def schema(self, side: str) -> Schema:
        """See `Migrating.schema`."""
        with self._reading(side) as connection, self._told(self._sides.name(side)):
            fix_text_forms(connection)
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return schema_of(connection)

    def rows(self, tables: Sequence[str], longest_s: float) -> dict[str, int | None]:
        """See `Migrating.rows`."""
        with self._live.connected() as connection, self._told(self._live.name):
            fix_text_forms(connection)
            return rows_of(connection, tables, longest_s)

    def _undo(self, side: str, error: BaseException) -> None:
        """Leave nothing of a side database; what went wrong before stays what is told."""
        try:
            self._sides.drop(side)
        except LastgoodError as left:
            if isinstance(error, LastgoodError):
                error.mend += (
                    f"; then drop the side database {side}: it could not be ({left.cause})"
                )

    @cached_property
    def _sides(self) -> Sides:
        return Sides(self._live.name, self._admin, self._masker, elsewhere=self._elsewhere)

    @cached_property
    def _keeping(self) -> Keeping:
        return Keeping(self._live.name, self._home, self._masker)

    def _prepared(self) -> tuple[Template, tuple[str, ...], str, Programs]:
        """How the side database is made, what is left out, whose it is, what loads it."""
        if self._elsewhere:
            template, major = self._of_live()
            with self._loader.connected() as proof, self._told(self._live.name):
                # An older pg_restore does not read what the live server's pg_dump wrote.
                programs = self._programs(proof, at_least=major)
                return template, left_out(None), role_of(proof), programs
        with self._live.connected() as live, self._told(self._live.name):
            template = Template.of(live, self._live.name)
            return template, left_out(live), role_of(live), self._programs(live)

    def _of_live(self) -> tuple[Template, int]:
        try:
            with self._live.connected() as live, self._told(self._live.name):
                return Template.of(live, self._live.name), _major(live)
        except RemoteError:
            # A proof on another server is needed most when the live one does not answer.
            return Template(), 0

    @contextmanager
    def _reading(self, side: str, *, kept: bool = False) -> Iterator[Connection[Any]]:
        sides = self._sides
        reader = self._loader
        if kept:
            self._keeping.close(side)  # before it is opened for us it is closed to all others
            sides, reader = self._keeping.sides, self._live
        # Closed again as soon as we are in: that keeps others out, not us.
        with ExitStack() as stack:
            with sides.opened(side) as name:
                connection = stack.enter_context(reader.connected(name))
            yield connection

    def _programs(self, connection: Connection[Any], at_least: int = 0) -> Programs:
        major = _major(connection)
        if major < OLDEST:
            raise RefusedError(
                f"PostgreSQL {major} is too old",
                cause=f"side databases are handled as PostgreSQL {OLDEST} and later can",
                mend="upgrade the server; this version of it gets no corrections any more",
                code="server-too-old",
            )
        return choose(max(major, at_least), places(self._options.programs))

    def _hindrances(self) -> Iterator[Problem]:
        """Why no side database can be made."""
        try:
            with self._admin.connected() as connection, self._told(self._live.name):
                if may_create(connection):
                    return
        except LastgoodError as error:
            yield Problem(
                code="proof-impossible",
                what=f"no backup can be proven: {error.message}: {error.cause}",
                mend=error.mend,
            )
            return
        yield Problem(
            code="no-createdb",
            what="no backup can be proven: our role may not make databases",
            mend="ALTER ROLE ... CREATEDB, or name `admin_dsn`, or another server by `proof_dsn`",
        )

    def _crowding(self) -> Iterator[Problem]:
        """Why no copy fits beside the live database."""
        if self._elsewhere:
            return
        try:
            refuse_crowded(self.room(), self._live.name)
        except LastgoodError as error:
            what = f"no backup can be proven: {error.message}: {error.cause}"
            yield Problem(code=error.code, what=what, mend=error.mend)

    def _told(self, name: str) -> AbstractContextManager[None]:
        return told(f"the work on the database {name} failed", self._masker)


def _major(connection: Connection[Any]) -> int:
    return connection.info.server_version // 10_000


def _version_problems(server: int, programs: Programs) -> Iterator[Problem]:
    if programs.major > server:
        yield Problem(
            code="client-newer",
            what=f"pg_dump {programs.version} is newer than the server {server}: what it writes "
            "may not be restorable there",
            mend=f"install the client programs of PostgreSQL {server}; until then a proof shows it",
        )
