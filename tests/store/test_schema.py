from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Text

from lastgood.errors import StateError
from lastgood.model.event import Event
from lastgood.model.hold import Hold
from lastgood.model.incident import Incident
from lastgood.model.lock import Lock
from lastgood.model.release import Deployment, Release
from lastgood.model.run import Run, StepRecord
from lastgood.model.watch import Watch
from lastgood.store import migrate, revision, schema
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any


def test_the_migrations_lead_to_the_schema(state: State) -> None:
    def same_type(*given: object) -> bool | None:
        return False if isinstance(given[3], Text) and "TEXT" in str(given[4]) else None

    options = {"version_table": revision.TABLE, "compare_type": same_type}
    with state._database.read() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []


def test_the_revision_that_is_compared_is_the_last_migration() -> None:
    assert ScriptDirectory(str(migrate.MIGRATIONS)).get_current_head() == revision.HEAD


def test_every_field_of_a_noun_has_its_column() -> None:
    for noun, table in (
        (Release, schema.releases),
        (Deployment, schema.deployments),
        (Hold, schema.holds),
        (Lock, schema.locks),
        (Run, schema.runs),
        (StepRecord, schema.steps),
        (Incident, schema.incidents),
        (Watch, schema.watches),
        (Event, schema.events),
    ):
        assert set(noun.__struct_fields__) <= set(table.columns.keys()), noun


LATER = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("more", sa.Column("id", sa.Integer, primary_key=True))
"""


def test_an_older_state_is_brought_up_once_by_many_processes(
    base: Path, processes: Callable[..., list[Any]]
) -> None:
    shutil.copytree(migrate.MIGRATIONS, base / "migrations")
    (base / "migrations/versions/r0002_later.py").write_text(LATER)
    told = processes("upgrade", base, 4)
    assert sorted(told) == [1, 2, 3, 4]
    with closing(sqlite3.connect(base / "state/state.db")) as connection:
        assert connection.execute("SELECT * FROM lastgood_revision").fetchall() == [("0002",)]
        assert connection.execute("SELECT * FROM more").fetchall() == []


def test_a_migration_that_fails_changes_nothing(base: Path) -> None:
    shutil.copytree(migrate.MIGRATIONS, base / "migrations")
    fails = LATER + '    op.drop_table("nowhere")\n'
    (base / "migrations/versions/r0002_later.py").write_text(fails)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "MIGRATIONS", base / "migrations")
        patch.setattr(revision, "HEAD", "0002")
        with pytest.raises(StateError, match="cannot be used"):
            State.open("sqlite:///state/state.db", base)
    with closing(sqlite3.connect(base / "state/state.db")) as connection:
        assert connection.execute("SELECT * FROM lastgood_revision").fetchall() == [("0001",)]
        named = "SELECT count(*) FROM sqlite_master WHERE name = 'more'"
        assert connection.execute(named).fetchone() == (0,)
    State.open("sqlite:///state/state.db", base).close()
