"""Making a state, and bringing an older one up. Alembic is imported here only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.store import revision, sqlite
from lastgood.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"


def make(path: Path) -> None:
    """Make a new state, unless another process did meanwhile.

    It is made under another name and then renamed: the state is whole or it is not there, and an
    empty file under its name is never taken for a new one, since that would forget every hold.

    Raises:
        OSError: the folder cannot be made or written.
        StateError: the disk is full or fails.
    """
    sqlite.make_folder(path.parent)
    with sqlite.alone_in(path.parent):
        if path.exists():
            return
        draft = path.with_name(f".{path.name}.new")
        sqlite.remove(draft)  # of a process that was killed right here
        sqlite.make_file(draft)
        try:
            database = Database(draft)
            try:
                with database.write() as connection:
                    _upgrade(connection)
            finally:
                database.close()
            os.replace(draft, path)  # noqa: PTH105 - the same as Path.replace, named for what it does
        finally:
            sqlite.remove(draft)


def bring_up(database: Database) -> None:
    """Bring an older state to this version's schema, in one transaction.

    Raises:
        StateError: it is no state of ours, or one of a newer version; nothing is changed.
    """
    with database.write() as connection:
        found = database.revision(connection)
        if found == revision.HEAD:  # another process was faster
            return
        if found is None:
            raise revision.foreign(database.path)
        if found not in _known():
            raise revision.newer(database.path, found)
        _upgrade(connection)


def _known() -> set[str]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - costs more than most commands

    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - costs more than most commands
    from alembic.config import Config  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
