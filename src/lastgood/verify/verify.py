"""Proof: what answers, never what was pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.check import CheckResult, Health, HealthState
from lastgood.model.problem import Problem
from lastgood.model.proof import Proof
from lastgood.verify.signals import SIGNALS_WORSE, compare
from lastgood.verify.versions import UNPROVEN, WRONG_VERSION, service_proof

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lastgood.model.plan import Move
    from lastgood.model.policy import Policy
    from lastgood.model.signal import Signal
    from lastgood.verify.look import ServiceLook

PROVEN = "proven"
UNHEALTHY = "unhealthy"

# What is said first when several things are wrong; every other problem is said and fails nothing.
FAILURES = (WRONG_VERSION, UNPROVEN, UNHEALTHY, SIGNALS_WORSE)


def prove(
    move: Move, look: ServiceLook | None, healths: Mapping[str, Health], now: datetime
) -> Proof:
    """Whether one service is back: every instance answers its target, its checks are healthy.

    Args:
        move: the service's move.
        look: what answers for it.
        healths: the standing of the service's own checks.
        now: when it was looked.
    """
    service, problems = service_proof(move, look)
    problems = (*problems, *unhealthy(healths))
    code = outcome(problems)
    return Proof(
        at=now,
        proven=code == PROVEN,
        code=code,
        services=(service,),
        checks=newest(healths),
        problems=problems,
    )


def verify(
    moves: Sequence[Move],
    looks: Mapping[str, ServiceLook],
    healths: Mapping[str, Health],
    signals_before: Sequence[Signal],
    signals_after: Sequence[Signal],
    *,
    moved_at: datetime,
    policy: Policy,
    now: datetime,
) -> Proof:
    """Whether the environment is back: all services, all checks, and the signals are no worse.

    Args:
        moves: the plan's moves.
        looks: what answers, by service.
        healths: the standing of every check of the environment.
        signals_before: measured when the command was given.
        signals_after: measured now.
        moved_at: when the last service was moved; signals count from then on.
        policy: for the share of users affected that is too high.
        now: when it was looked.
    """
    pairs = [service_proof(move, looks.get(move.service)) for move in moves]
    signals = compare(signals_before, signals_after, moved_at, policy.rollback_over_share)
    problems = (*(p for _, found in pairs for p in found), *unhealthy(healths), *signals)
    code = outcome(problems)
    return Proof(
        at=now,
        proven=code == PROVEN,
        code=code,
        services=tuple(service for service, _ in pairs),
        checks=newest(healths),
        signals_before=tuple(signals_before),
        signals_after=tuple(signals_after),
        problems=problems,
    )


def together(proofs: Sequence[Proof]) -> Proof | None:
    """What looks at single services come to; None without any. Only the whole is ever proven."""
    if not proofs:
        return None
    problems = tuple(problem for proof in proofs for problem in proof.problems)
    code = outcome(problems)
    return Proof(
        at=max(proof.at for proof in proofs),
        proven=False,
        code=UNPROVEN if code == PROVEN else code,
        services=tuple(service for proof in proofs for service in proof.services),
        checks=tuple({check.name: check for proof in proofs for check in proof.checks}.values()),
        problems=problems,
    )


def outcome(problems: Sequence[Problem]) -> str:
    """The gravest failure's code, or `proven` when nothing fails."""
    codes = {problem.code for problem in problems}
    return next((code for code in FAILURES if code in codes), PROVEN)


def newest(healths: Mapping[str, Health]) -> tuple[CheckResult, ...]:
    """Each check's newest result."""
    return tuple(health.last for health in healths.values() if health.last is not None)


def unhealthy(healths: Mapping[str, Health]) -> tuple[Problem, ...]:
    """One problem for each check that is not believed healthy, or whose newest look failed."""
    found = []
    for name, health in healths.items():
        failed = health.last is not None and not health.last.ok
        if health.state is HealthState.HEALTHY and not failed:
            continue
        error = health.last.error if health.last is not None else None
        fails = failed or health.state is HealthState.FAILING
        stands = "fails" if fails else "has not shown its health yet"
        found.append(
            Problem(
                code=UNHEALTHY,
                what=f"check {name} {stands}" + (f": {error}" if error else ""),
                mend=f"look at it: `lastgood check`, address {health.last.address}"
                if health.last is not None
                else "look at it: `lastgood check`",
            )
        )
    return tuple(found)
