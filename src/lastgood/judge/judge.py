"""The verdict: the table is read from the top, each branch taken is kept with its evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lastgood.judge import answers
from lastgood.judge.case import Case
from lastgood.judge.cause import RECORD_LAG, Cause, Likely, attribute, is_cause
from lastgood.judge.evidence import gather
from lastgood.judge.tree import TREE, Says
from lastgood.judge.words import duration, percent
from lastgood.model.verdict import Branch, Damage, Decision, Method, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lastgood.judge.answers import Answer
    from lastgood.model.observation import Observation
    from lastgood.model.policy import Policy
    from lastgood.model.release import Release
    from lastgood.model.statement import Statement

ANSWERS: Mapping[str, Callable[[Case], Answer]] = {
    "input": answers.known,
    "security": answers.flag("a security issue", lambda case: case.statement.security),
    "corruption": answers.corruption,
    "data-loss": answers.flag("lost data", lambda case: case.statement.data_loss),
    "outage": answers.outage,
    "affected": answers.affected,
    "outage-runs": answers.outage_runs,
    "hotfix": answers.hotfix,
    "cause": is_cause,
}

BEGINNING = datetime.min.replace(tzinfo=UTC)

ADVICE = {
    Decision.ROLLBACK: "roll back to the last known good release",
    Decision.HOTFIX: "deploy the hotfix; when its time is over this is judged again",
    Decision.MONITOR: "monitor closely and keep the rollback prepared",
    Decision.INSUFFICIENT_EVIDENCE: (
        "this cannot be told; state what you know, e.g. `lastgood decide --affected 60`"
    ),
}

NOT_THE_CAUSE = (
    "a rollback is not likely to help: look at what else changed (configuration, data, providers, "
    "traffic), and keep the rollback prepared"
)

OUTAGE_RUNS = (
    "monitor closely and keep the rollback prepared; if you know how many users are affected, do "
    "not wait: `lastgood decide --affected 60`"
)

NOWHERE = (
    "roll back; nothing to go back to is known good, so name it: `lastgood rollback --to REVISION`"
)


def judge(
    policy: Policy,
    statement: Statement,
    observation: Observation | None,
    releases: Sequence[Release],
    now: datetime,
) -> Verdict:
    """Say what to do, and why. Every combination of inputs has exactly one verdict.

    Args:
        policy: the thresholds.
        statement: what a person states; an empty one when nobody said anything.
        observation: what was seen; None when nothing was looked at.
        releases: the ledger's releases of the environment, of all services.
        now: the time of judging.
    """
    case = Case(
        policy=policy, statement=statement, observation=observation, releases=releases, now=now
    )
    decision, path = walk(case)
    causes = attribute(case)
    likely = tuple(c for c in causes if c.likely is Likely.YES)
    return Verdict(
        environment=observation.environment if observation is not None else "",
        at=now,
        decision=decision,
        method=method(case) if decision is not Decision.INSUFFICIENT_EVIDENCE else None,
        reasons=reasons(case, decision, path, causes),
        evidence=gather(case),
        path=path,
        services=tuple(c.service for c in likely) or case.affected_services,
        impact_start=impact_start(case, likely),
        damaged=damage(case) is not Damage.NONE,
        damage=damage(case),
    )


def walk(case: Case) -> tuple[Decision, tuple[Branch, ...]]:
    """Read the table from its first row until a decision; rows only lead further down."""
    policy = case.policy
    thresholds = {
        "share": percent(policy.rollback_over_share),
        "outage": duration(policy.outage_over_s),
        "hotfix": duration(policy.hotfix_under_s),
    }
    path = []
    end: Decision | str = TREE[0].name
    for row in TREE:
        if row.name == end:
            answer = ANSWERS[row.name](case)
            question = row.question.format(**thresholds)
            path.append(Branch(question=question, answer=answer.says, because=answer.because))
            end = row.leads_to(answer.says)
    return Decision(end), tuple(path)


def method(case: Case) -> Method:
    """The widest way back that what is known asks for."""
    stated = case.statement
    if len(case.affected_services) > 1:
        return Method.FULL
    if damage(case) is not Damage.NONE:
        return Method.DATABASE
    return Method.CI if stated.failed_deployment else Method.AUTO


def damage(case: Case) -> Damage:
    """What must come back beside the code."""
    stated = case.statement
    if stated.corruption or stated.data_loss or case.showing(answers.CORRUPTION):
        return Damage.DATA
    return Damage.SCHEMA if stated.failed_migration else Damage.NONE


def reasons(
    case: Case, decision: Decision, path: Sequence[Branch], causes: Sequence[Cause]
) -> tuple[str, ...]:
    """Why, in words: the branches that mattered, what speaks beside them, and what to do."""
    told = [b for b in path[1:-1] if b.answer != Says.NO] + [path[-1]]
    said = [branch.because for branch in told]
    measured = answers.measured(case)
    if case.statement.affected is not None and measured is not None:
        said.append(f"measured: {measured.because}")
    if not case.statement.empty and case.healthy and answers.probed(case).because not in said:
        said.append("every check is healthy as seen from here")
    if case.down and case.seen is not None and case.seen.connectivity is None:
        said.append("whether this machine itself has a connection was not checked")
    said.extend(case.divided)
    if case.blind and decision is not Decision.INSUFFICIENT_EVIDENCE:
        said.append("this machine reached nothing at all: nothing was observed")
    said.extend(
        c.because for c in causes if c.because not in " ".join(said) and bears(case, decision, c)
    )
    said.append(advice(decision, path, causes))
    return tuple(said)


def bears(case: Case, decision: Decision, cause: Cause) -> bool:
    """Whether a cause that nobody asked for is worth a word.

    While no check fails and the share is not too high, the odd failed request has no cause to name.
    """
    if decision is Decision.ROLLBACK and cause.nowhere:
        return True
    wrong = bool(case.failing) or decision is not Decision.MONITOR
    return wrong and cause.likely is not Likely.UNKNOWN


def advice(decision: Decision, path: Sequence[Branch], causes: Sequence[Cause]) -> str:
    """What to do now, with the way that the question which decided leaves open."""
    if decision is Decision.MONITOR and path[-1].question == TREE[-1].question:
        return NOT_THE_CAUSE
    if decision is Decision.MONITOR and path[-1].answer == Says.YES:
        return OUTAGE_RUNS
    if decision is Decision.ROLLBACK and causes and all(c.nowhere for c in causes):
        return NOWHERE
    return ADVICE[decision]


def impact_start(case: Case, likely: Sequence[Cause]) -> datetime | None:
    """When users were first affected, as far as is known.

    Failures that are older than the likely cause belong to something else.
    """
    since = [h.failing_since for h in case.failing.values() if h.failing_since is not None]
    deployed = [c.deployed_at for c in likely if c.deployed_at is not None]
    if deployed:
        since = [at for at in since if at >= min(deployed) - RECORD_LAG] or since
    share = case.share
    if not since and share is not None and share.failed:
        since = [share.failed_since or share.since or share.at]
    lasted = case.statement.outage_s
    if lasted is not None and lasted <= (case.now - BEGINNING).total_seconds():
        since.append(case.now - timedelta(seconds=lasted))
    return min(since, default=None)
