"""The first schema."""

import sqlalchemy as sa
from alembic import op

from lastgood.store import sqlite

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    _ledger()
    _journal()
    _watching()
    _events()


def _ledger() -> None:
    """Releases, deployments, holds."""
    op.create_table(
        "releases",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.Text(), nullable=False),
        sa.Column("artifact", sa.Text()),
        sa.Column("same_tree_as", sa.Text()),
        sa.Column("schema_revision", sa.Text()),
        sa.Column("config_hash", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.PrimaryKeyConstraint("environment", "service", "commit"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run", sa.Text()),
        sa.ForeignKeyConstraint(
            ["environment", "service", "commit"],
            ["releases.environment", "releases.service", "releases.commit"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("deployments_newest", "deployments", ["environment", "service", "at", "id"])
    op.create_table(
        "holds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("commit", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("run", sa.Text()),
        sa.Column("fix", sa.Text()),
        sa.Column("fix_by", sa.Text()),
        sa.Column("fix_reason", sa.Text()),
        sa.Column("fix_at", sa.Text()),
        sa.Column("lifted_at", sa.Text()),
        sa.Column("lifted_by", sa.Text()),
        sa.Column("lifted_reason", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("holds_of", "holds", ["environment", "service", "commit"])


def _journal() -> None:
    """Locks, runs, steps."""
    op.create_table(
        "locks",
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("run", sa.Text()),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("since", sa.Text()),
        sa.PrimaryKeyConstraint("environment"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("plan_digest", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("commanded_at", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text()),
        sa.Column("proven_at", sa.Text()),
        sa.Column("proof", sa.Text()),
        sa.Column("cancel_at", sa.Text()),
        sa.Column("cancel_by", sa.Text(), nullable=False),
        sa.Column("resumed_at", sa.Text()),
        sa.Column("tool_version", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_by_state", "runs", ["state", "commanded_at"])
    op.create_index("runs_newest", "runs", ["environment", "commanded_at"])
    op.create_table(
        "steps",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.Text()),
        sa.Column("ended_at", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("touched_at", sa.Text()),
        sa.ForeignKeyConstraint(
            ["run"],
            ["runs.id"],
        ),
        sa.PrimaryKeyConstraint("run", "step"),
    )


def _watching() -> None:
    """Incidents, watches, plans."""
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Text(), nullable=False),
        sa.Column("impact_start", sa.Text()),
        sa.Column("detected_at", sa.Text()),
        sa.Column("resolved_at", sa.Text()),
        sa.Column("resolved_by", sa.Text()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incidents_newest", "incidents", ["environment", "opened_at"])
    op.create_table(
        "watches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("until", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("service", sa.Text()),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("last_sample_at", sa.Text()),
        sa.Column("longest_gap_s", sa.Float(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("watches_by_state", "watches", ["state", "environment"])
    op.create_index("watches_of", "watches", ["kind", "subject"])
    op.create_table(
        "plans",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("plans_newest", "plans", ["environment", "at"])


def _events() -> None:
    """Events, and the row that notes the end of their chain."""
    op.create_table(
        "events",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text()),
        sa.Column("run", sa.Text()),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("events_of_environment", "events", ["environment", "seq"])
    op.create_index("events_of_incident", "events", ["incident", "seq"])
    op.create_index("events_of_run", "events", ["run", "seq"])
    op.create_table(
        "chain",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        sa.insert(sa.table("chain", sa.column("id"), sa.column("count"), sa.column("hash"))).values(
            id=1, count=0, hash="0" * 64
        )
    )
    sqlite.append_only(op.get_bind(), "events", "seq")
