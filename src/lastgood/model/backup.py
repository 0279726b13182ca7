"""A backup: what its manifest says, what a restore of it proved, and what is kept beside it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun
from lastgood.model.problem import Problem
from lastgood.model.rehearsal import Rehearsal
from lastgood.model.sealed import WrappedKey


class BackupKind(StrEnum):
    """Why it was made; each kind has a retention of its own."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    BEFORE_DEPLOY = "before-deploy"
    IMPORTED = "imported"


class TableContent(Noun, frozen=True, kw_only=True):
    """A table's content in one snapshot.

    Attributes:
        table: its name as SQL writes it, with its schema.
        rows: how many it has.
        digest: the sum of the 64-bit hashes of its rows' text, which no order of rows changes.
    """

    table: str
    rows: int
    digest: str


class Fingerprint(Noun, frozen=True, kw_only=True):
    """A database's content and shape in one snapshot: equal ones are equal databases.

    Attributes:
        tables: every ordinary and partitioned table's leaf, by name.
        sequences: each sequence's next value and direction, as text.
        large_objects: how many there are, and their digest.
        shape: SHA-256 of columns, constraints, indexes, views, functions and triggers as text.
    """

    tables: tuple[TableContent, ...]
    sequences: dict[str, str] = {}
    large_objects: str = ""
    shape: str = ""

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(table.rows for table in self.tables)


class Part(Noun, frozen=True, kw_only=True):
    """One sealed stream of a backup.

    Attributes:
        name: `dump`, `roles`, `settings`, `state` or `migrations`.
        key: where it lies in the object store.
        bytes: its stored size.
        sha256: of what is stored, so that damage is found without any key.
    """

    name: str
    key: str
    bytes: int
    sha256: str


class Origin(Noun, frozen=True, kw_only=True):
    """Where an imported backup came from.

    Attributes:
        file: the dump that somebody else made.
        format: what it was packed in.
        bytes: its size.
        created_at_from: how it is known when the dump was made.
        server_version: of the server it is of, as the dump says; may be empty.
        client_version: of the program that made it, likewise.
        left_out: statements of it that could not be carried out here, harmlessly.
    """

    file: str
    format: str
    bytes: int
    created_at_from: str
    server_version: str = ""
    client_version: str = ""
    left_out: int = 0


class Backup(Noun, frozen=True, kw_only=True):
    """What the manifest says; written last, so that what has one is whole.

    Attributes:
        id: sorts by time.
        created_at: when the snapshot was taken; of an imported one, when its dump was made.
        seconds: from its begin to its manifest.
        parts: its streams.
        keys: its data key, wrapped for each recipient; outside what is authenticated, so that
            rotation rewrites manifests only.
        schema_revision: up to which migration the snapshot's schema was brought; of several heads
            all, with commas between; None where it does not say.
        releases: what was live then, by service.
        before: for `before-deploy`, the commit that was about to be deployed.
        restore_point: the name of a restore point in the server's log, where one could be made.
        origin: for `imported`, where it came from.
    """

    id: str
    environment: str
    database: str
    kind: BackupKind
    created_at: datetime
    seconds: float
    server_version: str
    client_version: str
    parts: tuple[Part, ...]
    keys: tuple[WrappedKey, ...]
    fingerprint: Fingerprint
    schema_revision: str | None = None
    releases: dict[str, str] = {}
    before: str | None = None
    restore_point: str | None = None
    by: str = ""
    origin: Origin | None = None

    @property
    def bytes(self) -> int:
        """What it takes in the object store."""
        return sum(part.bytes for part in self.parts)


class BackupProof(Noun, frozen=True, kw_only=True):
    """What a restore showed.

    Attributes:
        restorable: it was restored, and what came out is what was dumped.
        seconds: of the restore and the comparison.
        server: the server that it was restored on, without credentials.
        recipient: whose key opened it.
        problems: what differed or failed.
        unfit: why it must not be swapped in, though it is restorable: what the project's own check
            of the restored copy says.
    """

    backup: str
    at: datetime
    restorable: bool
    seconds: float
    server: str
    recipient: str
    problems: tuple[Problem, ...] = ()
    unfit: tuple[Problem, ...] = ()


class StoredBackup(Noun, frozen=True, kw_only=True):
    """A backup as the object store has it.

    Attributes:
        proof: the newest one.
        pinned: why it must stay; empty when it is not pinned.
        rehearsal: the newest trial of its migrations up and down.
    """

    backup: Backup
    proof: BackupProof | None = None
    pinned: str = ""
    rehearsal: Rehearsal | None = None

    @property
    def restorable(self) -> bool:
        """Whether a restore has proven it."""
        return self.proof is not None and self.proof.restorable
