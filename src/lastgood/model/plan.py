"""A plan: ordered steps, pure data, hashed. What was approved is what runs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.exchange import Exchange
from lastgood.model.noun import Noun, digest, from_json, to_json
from lastgood.model.problem import Problem
from lastgood.model.verdict import Method

NO_LOSS = "none: no database step"


class PlanKind(StrEnum):
    """What a plan is for."""

    ROLLBACK = "rollback"
    UNDO = "undo"


class CommitLine(Noun, frozen=True, kw_only=True):
    """A commit in one line, as shown to people: made harmless for a terminal."""

    commit: str
    subject: str
    author: str = ""
    at: datetime | None = None


class Move(Noun, frozen=True, kw_only=True):
    """One service's way from what runs to its target.

    Attributes:
        origin: the commit that runs; None when nobody can tell. Equal to the target when that runs
            already and some instance answers another version: it is put live once more.
        target: the release to come back to.
        method: artifact, ci, tree or drop.
        driver: the deploy driver that does it.
        route: its place in the service's list of deploy drivers.
        base: the branch's tip that was approved, for tree and drop.
        drop: the first and last commit taken out, for drop.
        dropped: later commits that go with the move.
        migrations: migrations between the two that stay applied.
        estimate_s: expected seconds.
        estimate_source: `runs (median of N)`, `runbook`, or `driver` where the runbook knows no
            such way.
        by: who asked for it, for a commit that is made on the way.
    """

    service: str
    origin: str | None
    target: str
    method: Method
    driver: str
    route: int = 0
    base: str | None = None
    drop: str | None = None
    dropped: tuple[CommitLine, ...] = ()
    migrations: tuple[str, ...] = ()
    estimate_s: float = 0.0
    estimate_p90_s: float = 0.0
    estimate_source: str = "runbook"
    by: str = ""

    @property
    def again(self) -> bool:
        """Whether what runs already is put live once more."""
        return self.drop is None and self.origin == self.target

    @property
    def goal(self) -> str:
        """What is to run, for people; a drop leads to no release that there was."""
        if self.drop is None:
            return self.target[:12]
        return f"without {'..'.join(end[:12] for end in self.drop.split('..'))}"


class Step(Noun, frozen=True, kw_only=True):
    """One desired state on the way.

    Attributes:
        id: unique within the plan, e.g. `deploy:backend`.
        kind: which handler brings it about.
        name: for people.
        after: ids of the steps that must be done before.
        timeout_s: after this the step's attempt is stopped and counts as failed.
        attempts: how often it may be tried when its failure is retryable.
        backoff_s: seconds before the second try, doubled for each later one.
        service: the service it concerns.
        estimate_s: expected seconds.
        database: the database it concerns.
        arguments: what the handler needs, plain strings.
        takes_back: the step whose effect this one takes back. It is done whatever became of the
            steps before it, also when the run is cancelled, unless that one was never come to.
    """

    id: str
    kind: str
    name: str
    after: tuple[str, ...] = ()
    timeout_s: float = 120.0
    attempts: int = 1
    backoff_s: float = 0.5
    service: str | None = None
    database: str | None = None
    estimate_s: float = 0.0
    arguments: dict[str, str] = {}
    takes_back: str | None = None


class Plan(Noun, frozen=True, kw_only=True):
    """What would be done, in which order, how long it takes and what it costs.

    Attributes:
        id: `plan-` and twelve characters of the digest of everything else.
        holds: the commits that will be held, by service.
        loss: what data is lost, in words; code-only plans lose none.
        refusals: why it cannot run; a plan with refusals never runs.
        undoes: the run that an undo puts back.
        exchanges: the databases that are replaced.
    """

    id: str
    kind: PlanKind
    environment: str
    made_at: datetime
    method: Method
    moves: tuple[Move, ...]
    steps: tuple[Step, ...]
    estimate_s: float
    budget_s: float
    reason: str = ""
    loss: str = NO_LOSS
    holds: dict[str, str] = {}
    warnings: tuple[Problem, ...] = ()
    refusals: tuple[Problem, ...] = ()
    undoes: str | None = None
    config_hash: str = ""
    exchanges: tuple[Exchange, ...] = ()

    @property
    def fits_budget(self) -> bool:
        """Whether the expected time is within the environment's budget."""
        return self.estimate_s <= self.budget_s

    def step(self, step_id: str) -> Step:
        """The step of that id.

        Raises:
            KeyError: there is none.
        """
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def move(self, service: str) -> Move:
        """The move of that service.

        Raises:
            KeyError: the plan does not touch it.
        """
        for move in self.moves:
            if move.service == service:
                return move
        raise KeyError(service)

    def exchange(self, database: str) -> Exchange:
        """The exchange of that database.

        Raises:
            KeyError: the plan does not touch it.
        """
        for exchange in self.exchanges:
            if exchange.database == database:
                return exchange
        raise KeyError(database)


def plan_digest(plan: Plan) -> str:
    """The hash of what was approved: everything in the plan but its id."""
    settled = from_json(to_json(plan), Plan)  # 5 and 5.0 are the same seconds
    return digest({f: getattr(settled, f) for f in plan.__struct_fields__ if f != "id"})
