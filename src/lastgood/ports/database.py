"""The port of the database family: dumped in one snapshot, restored beside itself, compared.

Every method blocks and is called from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lastgood.model.noun import Noun
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lastgood.model.backup import Fingerprint


class DatabaseFacts(Noun, frozen=True, kw_only=True):
    """What a database and our role in it can do.

    Attributes:
        name: the database's own name on its server.
        server: where it is, without credentials.
        version: the server's, as PostgreSQL writes it, e.g. `16.14`.
        client_version: of the dump program that would be used.
        bytes: its size on the server.
        superuser: our role is one.
        createdb: our role may make databases: without it nothing is proven on this server.
        owner: our role owns the database.
        checksums: the server's pages have checksums.
        problems: what stands in the way of a backup or of its proof, or may.
    """

    name: str
    server: str
    version: str
    client_version: str
    bytes: int
    encoding: str
    superuser: bool
    createdb: bool
    owner: bool
    checksums: bool
    problems: tuple[Problem, ...] = ()


class ForeignDump(Noun, frozen=True, kw_only=True):
    """A dump that somebody else made, read from its begin to its end.

    Attributes:
        file: where it is.
        format: what it is packed in.
        bytes: its size.
        made_at: when it was made, as well as that can be known.
        made_at_from: how that is known.
        server_version: of the server it is of, as it says itself; may be empty.
        client_version: of the program that made it, likewise.
        stamp: what changes when the file does.
    """

    file: str
    format: str
    bytes: int
    made_at: datetime
    made_at_from: str
    server_version: str
    client_version: str
    stamp: str


class Intake(Noun, frozen=True, kw_only=True):
    """What came of taking in somebody else's dump.

    Attributes:
        version: of the server that took it.
        client_version: of the program that dumps it there.
        left_out: statements that could not be carried out there, harmlessly: owners and rights of
            roles that are not there, subscriptions, settings of newer servers.
    """

    version: str
    client_version: str
    left_out: int


class Kept(Noun, frozen=True, kw_only=True):
    """A side database that is kept, closed, to take the live one's place.

    Attributes:
        side: its id.
        problems: who may enter it beside us, or whether it stands open.
    """

    side: str
    problems: tuple[Problem, ...] = ()


class Room(Noun, frozen=True, kw_only=True):
    """Room for another copy of the live database on its server, in bytes.

    Attributes:
        needed: what a copy takes, and a fifth more; 0 where its size is unknown.
        kept: what the kept copies take.
        free: what the disk has left; None where that is unknown.
        how: how that is known, or why it is not.
    """

    needed: int
    kept: int
    free: int | None
    how: str

    def lacking(self, regained: int = 0) -> int:
        """How much is missing once so much was given back; 0 where nobody knows that any is."""
        return 0 if self.free is None else max(0, self.needed - self.free - regained)


class Progress(Noun, frozen=True, kw_only=True):
    """How far a dump or a restore is.

    Attributes:
        tables: how many were begun.
        of_tables: of how many; 0 where that is not known.
        later: once all rows are there, how many indexes, constraints and their like follow.
    """

    tables: int = 0
    of_tables: int = 0
    later: int = 0


Heard = Callable[[Progress], None]
"""Is told how far it is, for every step, from any thread; what it raises ends the work."""


class Snapshot(Protocol):
    """A database at one moment; everything that is read by it belongs together.

    When it was held too long all of it ends with a ChildError of the code `snapshot-too-long`.
    """

    at: datetime

    def dump(self, heard: Heard | None = None) -> Iterator[bytes]:
        """The dump's bytes; a generator whose close ends the dump program.

        Begin with it: a migration that waits for our snapshot to end stands in the way of what asks
        for its tables after it.

        Raises:
            ChildError: the dump program failed; what came before is worth nothing.
        """

    def fingerprint(self) -> Fingerprint:
        """What every table holds, read in this snapshot.

        Sequences are in no snapshot. Theirs are read when it is taken, so that they may be further
        on in what is restored, and are never behind.
        """

    def schema_revision(self) -> str | None:
        """Up to which migration the schema was brought, as the migration tool wrote it there.

        Of several heads all, with commas between; None where nothing says so.
        """

    def roles(self) -> bytes:
        """The server's roles as SQL, without passwords; empty where we may not read them."""

    def settings(self) -> bytes:
        """What belongs to the database and a dump leaves out (owner, ACL, settings), as SQL."""


class Database(Protocol):
    """One database of the environment, and the side databases that we make of its backups.

    A side database is named by an id, usually the backup's: letters, digits, `-`, `_` and full
    stops, at most 40. Nobody but our role may enter it, and nobody at all while we do not read it.
    """

    def facts(self) -> DatabaseFacts:
        """What it is and what we may do there.

        Raises:
            RemoteError: it does not answer, or refuses us.
        """

    def snapshot(self, longest_s: float) -> AbstractContextManager[Snapshot]:
        """Hold a snapshot open, at most so long: what it keeps the server from tidying up grows.

        Raises:
            RefusedError: we may not read all of it (`table-unreadable`, with the names), or there
                is no client program that reads this server (`client-missing`, `client-too-old`).
            RemoteError: the server does not answer, or fails.
        """

    def proof_server(self) -> str:
        """The server on which side databases are made, without credentials."""

    def restore(self, side: str, chunks: Iterable[bytes], heard: Heard | None = None) -> None:
        """Make a side database that only our role may enter, and load a dump into it.

        Whatever fails, nothing of the side database is left.

        Raises:
            RefusedError: a precondition does not hold (`no-createdb`, `side-exists`, `no-room`).
            ChildError: the restore program failed.
        """

    def examine(self, path: Path) -> ForeignDump:
        """Read a dump that somebody else made, to its end, and do nothing.

        Raises:
            RefusedError: it is none, cut off, damaged, or would do what no dump does.
        """

    def take_in(self, side: str, path: Path, dump: ForeignDump, *, trusted: bool = False) -> Intake:
        """Make a side database as `restore` does, and load an examined dump into it.

        Whatever fails, nothing of the side database is left.

        Args:
            side: its id.
            path: where the dump is.
            dump: what `examine` said of it.
            trusted: whether it may be loaded by a role that could harm the server.

        Raises:
            RefusedError: the dump is at fault, has changed, or a precondition does not hold.
            RemoteError: the server failed.
        """

    def side_snapshot(self, side: str, longest_s: float) -> AbstractContextManager[Snapshot]:
        """As `snapshot`, of a side database."""

    def fingerprint(self, side: str, *, kept: bool = False) -> Fingerprint:
        """What a side database holds, or a kept one: that is closed again afterwards."""

    def verify(self, side: str) -> list[Problem]:
        """What the project's `verify` queries say against a side database."""

    def drop(self, side: str) -> None:
        """Remove a side database; one that is not there is removed already."""

    def sides(self) -> list[str]:
        """The ids of the side databases that are there: also of those that a crash left."""

    def why_unkept(self) -> str:
        """Why no side database could take the live one's place; empty when one could.

        Raises:
            RemoteError: the live database does not answer.
        """

    def keep(self, side: str) -> None:
        """Make a side database a kept one, in one step, closed; it is none of `sides` any more.

        Done twice it is the same. Raises:
            RefusedError: there is no such side database (`no-side`), or none can be kept.
        """

    def kept(self) -> list[Kept]:
        """The kept ones on the live database's server."""

    def drop_kept(self, side: str) -> None:
        """Remove a kept one; one that is not there is removed already."""


@runtime_checkable
class RestorePoints(Protocol):
    """What a database offers beside, whose server keeps a log that can be replayed to a point."""

    def restore_point(self, name: str) -> str:
        """Name the present moment in the server's log; gives where in the log it is.

        Raises:
            RefusedError: the name is none, or our role may not, or the server keeps too little in
                its log (`no-restore-point`).
            RemoteError: the server does not answer, or fails.
        """


@runtime_checkable
class KnowsRoom(Protocol):
    """What a database offers beside, whose server's disk can be told of."""

    def room(self) -> Room:
        """The room for copies on the live database's server; unknown where it cannot be seen.

        Raises:
            RemoteError: the server does not answer, or fails.
        """
