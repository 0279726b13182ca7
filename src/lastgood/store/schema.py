"""The tables. A noun's fields and its table's columns have the same names."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

from lastgood.model.observation import Observation
from lastgood.model.plan import Plan
from lastgood.model.proof import Proof
from lastgood.model.release import GoodEvidence, Standing
from lastgood.model.run import Outcome, RunState, StepOutcome, StepState
from lastgood.model.verdict import Verdict
from lastgood.model.watch import WatchKind, WatchState
from lastgood.store.columns import Choice, Document, Moment, Words

metadata = MetaData()

releases = Table(
    "releases",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("commit", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("standing", Choice(Standing), nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("artifact", Text),
    Column("same_tree_as", Text),
    Column("schema_revision", Text),
    Column("config_hash", Text),
    Column("evidence", Document(GoodEvidence)),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("source", Text, nullable=False),
    Column("run", Text),
    ForeignKeyConstraint(
        ["environment", "service", "commit"],
        ["releases.environment", "releases.service", "releases.commit"],
    ),
    Index("deployments_newest", "environment", "service", "at", "id"),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("commit", Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("run", Text),
    Column("fix", Text),
    Column("fix_by", Words),
    Column("fix_reason", Words),
    Column("fix_at", Moment),
    Column("lifted_at", Moment),
    Column("lifted_by", Words),
    Column("lifted_reason", Words),
    Index("holds_of", "environment", "service", "commit"),
)

locks = Table(
    "locks",
    metadata,
    Column("environment", Text, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("run", Text),
    Column("holder", Words, nullable=False),
    Column("since", Moment),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("plan", Document(Plan), nullable=False),
    Column("plan_digest", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("state", Choice(RunState), nullable=False),
    Column("by", Words, nullable=False),
    Column("commanded_at", Moment, nullable=False),
    Column("incident", Text),
    Column("outcome", Choice(Outcome)),
    Column("code", Text, nullable=False),
    Column("ended_at", Moment),
    Column("proven_at", Moment),
    Column("proof", Document(Proof)),
    Column("cancel_at", Moment),
    Column("cancel_by", Words, nullable=False),
    Column("resumed_at", Moment),
    Column("tool_version", Text, nullable=False),
    Column("before", Document(Observation)),
    Column("verdict", Document(Verdict)),
    Index("runs_newest", "environment", "commanded_at"),
    Index("runs_by_state", "state", "commanded_at"),
)

steps = Table(
    "steps",
    metadata,
    Column("run", Text, ForeignKey("runs.id"), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("state", Choice(StepState), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("outcome", Document(StepOutcome)),
    Column("note", Words, nullable=False),
    Column("touched_at", Moment),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("title", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("impact_start", Moment),
    Column("detected_at", Moment),
    Column("resolved_at", Moment),
    Column("resolved_by", Words),
    Column("note", Words, nullable=False),
    Index("incidents_newest", "environment", "opened_at"),
)

watches = Table(
    "watches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("kind", Choice(WatchKind), nullable=False),
    Column("subject", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("state", Choice(WatchState), nullable=False),
    Column("service", Text),
    Column("samples", Integer, nullable=False),
    Column("last_sample_at", Moment),
    Column("longest_gap_s", Float, nullable=False),
    Column("note", Words, nullable=False),
    Index("watches_by_state", "state", "environment"),
    Index("watches_of", "kind", "subject"),
)

plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("plan", Document(Plan), nullable=False),
    Column("verdict", Document(Verdict)),
    Index("plans_newest", "environment", "at"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("incident", Text),
    Column("run", Text),
    Column("data", Document(dict[str, str]), nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("events_of_environment", "environment", "seq"),
    Index("events_of_incident", "incident", "seq"),
    Index("events_of_run", "run", "seq"),
)

# The chain's end, kept apart, so that events cut off at the end are missed.
chain = Table(
    "chain",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)
