"""The state: everything that lastgood remembers, in one place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from lastgood.store import faults, revision
from lastgood.store.address import state_path
from lastgood.store.database import Database
from lastgood.store.events import Events
from lastgood.store.holds import Holds
from lastgood.store.incidents import Incidents
from lastgood.store.journal import Journal
from lastgood.store.ledger import Ledger
from lastgood.store.locks import Locks
from lastgood.store.plans import Plans
from lastgood.store.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class State:
    """What lastgood remembers.

    Every call is short and synchronous, committed when it returns, and may be made from any
    thread. Opening an up-to-date state never imports Alembic.

    Attributes:
        path: the file.
        folder: where it lies; caches and lock files of this machine lie beside it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.path = database.path
        self.folder = database.path.parent
        self.ledger = Ledger(database)
        self.holds = Holds(database)
        self.locks = Locks(database)
        self.journal = Journal(database)
        self.incidents = Incidents(database)
        self.watches = Watches(database)
        self.events = Events(database)
        self.plans = Plans(database)

    @classmethod
    def open(cls, url: str, base: Path, *, create: bool = True) -> State:
        """Open the state at `url`; make it when there is none, bring it up when it is older.

        Args:
            url: `sqlite:///` and a path; a relative one lies under `base`.
            base: the folder of the configuration.
            create: make it when there is none.

        Raises:
            StateError: it cannot be opened, made or brought up, or a newer version wrote it.
        """
        path = state_path(url, base)
        try:
            if not path.exists():
                _make(path, create=create)
        except OSError as error:
            raise faults.file_fault(error, path) from error
        database = Database(path)
        try:
            with database.read() as connection:
                found = database.revision(connection)
            if found != revision.HEAD:
                _bring_up(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close the state; what was committed stays."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def damage(self) -> str | None:
        """The first fault that SQLite finds in the whole file; None when there is none.

        Raises:
            StateError: it is so damaged that SQLite cannot look.
        """
        with self._database.read() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
        return None if found == "ok" else " ".join(found.split())

    def copy(self) -> bytes:
        """All of it at one moment, as the bytes of a SQLite file: it travels with backups.

        Raises:
            StateError: it cannot be read.
        """
        return self._database.copy()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several writes one: all are kept, or none when an exception leaves the block.

        Other writers wait meanwhile, so keep it short, and never await inside.
        """
        with self._database.write():
            yield


def _make(path: Path, *, create: bool) -> None:
    if not create:
        raise revision.absent(path)
    from lastgood.store import migrate  # noqa: PLC0415 - imports Alembic

    migrate.make(path)


def _bring_up(database: Database) -> None:
    from lastgood.store import migrate  # noqa: PLC0415 - imports Alembic

    migrate.bring_up(database)
