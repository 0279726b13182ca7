"""The steps of a plan as data, and the time that its longest path takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.plan import Move, Step
from lastgood.plan import estimates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lastgood.plan.request import PastStep

# A time limit ends what hangs and never hurries what is merely slow: it is a multiple of the time
# in which nine of ten are done, with a floor for a bad day and a ceiling for a bad estimate.
GENEROUS = 4.0
DEPLOY_LIMITS_S = (60.0, 1800.0)
PROVE_LIMITS_S = (30.0, 900.0)
LOOK_TIMEOUT_S = 60.0
HOLD_TIMEOUT_S = 30.0


def make_steps(
    moves: Sequence[Move],
    holds: Mapping[str, str],
    lifts: Mapping[str, str],
    shared_keys: Mapping[str, str | None],
    past: Sequence[PastStep],
    reason: str,
) -> tuple[Step, ...]:
    """The steps in an order in which each comes after what it waits for.

    Args:
        moves: the services' moves.
        holds: the commit to hold, by service.
        lifts: the commit whose hold is lifted, by service.
        shared_keys: services with the same key push to the same branch, one after the other.
        past: durations of past steps.
        reason: written into the holds.
    """
    steps = [look("precheck", "Check what was approved", (), past)]
    pushed: dict[str, str] = {}
    for move in moves:
        before = steps[0].id
        for kind, commits in (("hold", holds), ("unhold", lifts)):
            if move.service in commits:
                steps.append(mark(kind, move, commits[move.service], before, reason, past))
                before = steps[-1].id
        after = [before]
        key = shared_keys.get(move.service)
        if key is not None and move.method in estimates.PUSHES:
            after += [pushed[key]] if key in pushed else []
            pushed[key] = f"deploy:{move.service}"
        steps += [deploy(move, tuple(after), past), prove(move, past)]
    proofs = tuple(step.id for step in steps if step.kind == "prove")
    steps.append(look("verify", "Checks are healthy, signals no worse", proofs, past))
    return tuple(steps)


def look(kind: str, name: str, after: tuple[str, ...], past: Sequence[PastStep]) -> Step:
    """A step of the whole environment that changes nothing."""
    return Step(
        id=kind,
        kind=kind,
        name=name,
        after=after,
        timeout_s=LOOK_TIMEOUT_S,
        attempts=2,
        estimate_s=estimates.of_step(kind, None, past).p50,
    )


def mark(
    kind: str, move: Move, commit: str, before: str, reason: str, past: Sequence[PastStep]
) -> Step:
    """Hold a release, or lift its hold."""
    verb = "Hold" if kind == "hold" else "Lift the hold of"
    return Step(
        id=f"{kind}:{move.service}",
        kind=kind,
        name=f"{verb} {move.service} {commit[:12]}",
        after=(before,),
        timeout_s=HOLD_TIMEOUT_S,
        attempts=3,
        service=move.service,
        estimate_s=estimates.of_step(kind, move, past).p50,
        arguments={"commit": commit, "reason": reason},
    )


def deploy(move: Move, after: tuple[str, ...], past: Sequence[PastStep]) -> Step:
    """Put the target live."""
    expected = estimates.of_step("deploy", move, past)
    return Step(
        id=f"deploy:{move.service}",
        kind="deploy",
        name=f"Bring {move.service} back {move.goal if move.drop else f'to {move.goal}'}",
        after=after,
        timeout_s=within(expected.p90, DEPLOY_LIMITS_S),
        attempts=3,
        service=move.service,
        estimate_s=expected.p50,
    )


def prove(move: Move, past: Sequence[PastStep]) -> Step:
    """Wait for every instance to answer with the target's version.

    Where a deployment goes through a push, what follows the push is waited for here.
    """
    expected = estimates.of_step("prove", move, past)
    # However quick CI was lately: a day when its runners are slow must not end the wait. And what
    # is slow to be deployed may be as slow to answer.
    pushes = move.method in estimates.PUSHES
    least = estimates.AFTER_PUSH.p90 if pushes else move.estimate_p90_s
    return Step(
        id=f"prove:{move.service}",
        kind="prove",
        name=f"All of {move.service} answers {'the new commit' if move.drop else move.goal}",
        after=(f"deploy:{move.service}",),
        timeout_s=within(max(expected.p90, least), PROVE_LIMITS_S),
        service=move.service,
        estimate_s=expected.p50,
    )


def within(p90_s: float, limits: tuple[float, float]) -> float:
    """A generous time limit."""
    least, most = limits
    return min(max(GENEROUS * p90_s, least), most)


def longest_path_s(steps: Sequence[Step], seconds: Mapping[str, float] | None = None) -> float:
    """Seconds until the last step is done; parallel branches do not add up.

    Args:
        steps: in an order in which each comes after what it waits for.
        seconds: each step's time by its id; the expected ones when left out.
    """
    ends: dict[str, float] = {}
    for step in steps:
        begin = max((ends[before] for before in step.after), default=0.0)
        ends[step.id] = begin + (step.estimate_s if seconds is None else seconds[step.id])
    return max(ends.values(), default=0.0)
