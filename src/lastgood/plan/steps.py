"""The steps of a plan as data, and the time that its longest path takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.exchange import Way
from lastgood.model.plan import Step
from lastgood.plan import estimates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lastgood.model.exchange import Exchange
    from lastgood.model.plan import Move
    from lastgood.plan.request import PastStep

# A time limit ends what hangs and never hurries what is merely slow: it is a multiple of the time
# in which nine of ten are done, with a floor for a bad day and a ceiling for a bad estimate.
GENEROUS = 4.0
DEPLOY_LIMITS_S = (60.0, 1800.0)
PROVE_LIMITS_S = (30.0, 900.0)
LOOK_TIMEOUT_S = 60.0
HOLD_TIMEOUT_S = 30.0
RESTORE_LIMITS_S = (600.0, 86_400.0)
# Its own time limits end a restore, and a replay of the log; then it is brought forward again.
PHYSICAL_LIMITS_S = (86_400.0, 172_800.0)
# It counts once more what would be lost before anybody is kept out.
SWAP_TIMEOUT_S = 900.0
DOWNGRADE_LIMITS_S = (600.0, 7200.0)
SERVICE_TIMEOUT_S = 120.0


def make_steps(
    moves: Sequence[Move],
    holds: Mapping[str, str],
    lifts: Mapping[str, str],
    shared_keys: Mapping[str, str | None],
    past: Sequence[PastStep],
    reason: str,
    exchanges: Sequence[Exchange] = (),
    stopped: Sequence[str] = (),
) -> tuple[Step, ...]:
    """The steps in an order in which each comes after what it waits for.

    Databases are restored beside the live ones first, while everything runs. A way down has the
    place of a swap. Where services can be
    stopped, nothing writes while data and code go back. Where they cannot, the code goes back
    first: what the bad release would still write must not reach the data that came back. Only what
    CI deploys waits for the data: its migrations would not know the schema that is still there.

    Args:
        moves: the services' moves.
        holds: the commit to hold, by service.
        lifts: the commit whose hold is lifted, by service.
        shared_keys: services with the same key push to the same branch, one after the other.
        past: durations of past steps.
        reason: written into the holds.
        exchanges: the databases that are replaced.
        stopped: the services that are stopped for that, in the order of their names.
    """
    steps = [look("precheck", "Check what was approved", (), past)]
    restored = [restore(e, (steps[0].id,)) for e in exchanges if e.way is Way.RESTORE]
    steps += restored
    ready = tuple(step.id for step in restored) or (steps[0].id,)
    stops = [of_service("stop", name, ready, past) for name in stopped]
    swaps = tuple(exchange.step for exchange in exchanges)
    closed = [swap(e, tuple(stop.id for stop in stops), past) for e in exchanges if stops]
    steps += [*stops, *closed]
    pushed: dict[str, str] = {}
    deploys, proofs = list[Step](), list[Step]()
    for move in moves:
        before = (steps[0].id,)
        for kind, commits in (("hold", holds), ("unhold", lifts)):
            if move.service in commits:
                steps.append(mark(kind, move, commits[move.service], before[0], reason, past))
                before = (steps[-1].id,)
        pushes = bool(swaps) and move.method in estimates.PUSHES
        data = swaps if closed or pushes else ()
        after = [*before, *data]
        key = shared_keys.get(move.service)
        if key is not None and move.method in estimates.PUSHES:
            after += [pushed[key]] if key in pushed else []
            pushed[key] = f"deploy:{move.service}"
        deploys.append(deploy(move, tuple(after), past))
        proofs.append(prove(move, past))
    waiting = [step for step in deploys if set(swaps) & set(step.after)]
    moved = [step for step in deploys if step not in waiting]
    steps += moved
    if not closed:
        before_them = tuple(step.id for step in moved)
        steps += [swap(e, (*_restored(e), *before_them) or ready, past) for e in exchanges]
    steps += waiting
    starts = [start(name, deploys, swaps, past) for name in stopped]
    live = tuple(step.id for step in starts) or (() if closed else swaps)
    steps += [*starts, *(after_too(step, live) for step in proofs)]
    last = tuple(step.id for step in proofs) or live or swaps
    steps.append(look("verify", "Checks are healthy, signals no worse", last, past))
    return tuple(steps)


def _restored(exchange: Exchange) -> tuple[str, ...]:
    return (f"restore:{exchange.database}",) if exchange.way is Way.RESTORE else ()


def after_too(step: Step, others: Sequence[str]) -> Step:
    """The step, coming after others as well."""
    return msgspec.structs.replace(step, after=(*step.after, *others))


def restore(exchange: Exchange, after: tuple[str, ...]) -> Step:
    """Restore a backup beside the live database, closed, and prove it."""
    return Step(
        id=f"restore:{exchange.database}",
        kind="restore",
        name=f"Restore {exchange.copy} beside {exchange.database}",
        after=after,
        timeout_s=within(exchange.restore_p90_s, RESTORE_LIMITS_S),
        attempts=2,
        database=exchange.database,
        estimate_s=exchange.restore_s,
    )


def swap(exchange: Exchange, after: tuple[str, ...], past: Sequence[PastStep]) -> Step:
    """Let the copy take the live database's place, or what brings it back in another way."""
    if exchange.way is Way.DOWNGRADE:
        return downgrade(exchange, after)
    if exchange.way is Way.PHYSICAL:
        return _gone_back(exchange, after)
    what = "the replaced database" if exchange.way is Way.QUARANTINE else exchange.copy
    return Step(
        id=exchange.step,
        kind="swap",
        name=f"Let {what} take the place of {exchange.database}",
        after=after,
        timeout_s=SWAP_TIMEOUT_S,
        attempts=3,
        database=exchange.database,
        estimate_s=estimates.of_step("swap", None, past).p50,
    )


def _gone_back(exchange: Exchange, after: tuple[str, ...]) -> Step:
    """Bring the files of the database's server back."""
    return Step(
        id=exchange.step,
        kind="swap",
        name=f"Bring the server of {exchange.database} back to {exchange.copy}",
        after=after,
        timeout_s=within(exchange.restore_p90_s, PHYSICAL_LIMITS_S),
        attempts=1,
        database=exchange.database,
        estimate_s=exchange.restore_s,
    )


def downgrade(exchange: Exchange, after: tuple[str, ...]) -> Step:
    """Run the migrations of the bad release backwards."""
    return Step(
        id=exchange.step,
        kind="downgrade",
        name=f"Migrate {exchange.database} down from {exchange.upper} to {exchange.lower}",
        after=after,
        timeout_s=within(exchange.restore_p90_s, DOWNGRADE_LIMITS_S),
        attempts=3,
        database=exchange.database,
        estimate_s=exchange.restore_s,
    )


def of_service(kind: str, service: str, after: tuple[str, ...], past: Sequence[PastStep]) -> Step:
    """Stop a service, so that nothing writes."""
    return Step(
        id=f"{kind}:{service}",
        kind=kind,
        name=f"{kind.capitalize()} {service}",
        after=after,
        timeout_s=SERVICE_TIMEOUT_S,
        attempts=2,
        service=service,
        estimate_s=estimates.of_step(kind, None, past).p50,
    )


def start(
    service: str, deploys: Sequence[Step], swaps: tuple[str, ...], past: Sequence[PastStep]
) -> Step:
    """Start a service again, whatever became of the rest."""
    own = tuple(step.id for step in deploys if step.service == service)
    step = of_service("start", service, (f"stop:{service}", *(own or swaps)), past)
    return msgspec.structs.replace(step, takes_back=f"stop:{service}")


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
