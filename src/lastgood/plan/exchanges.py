"""Choosing what a database goes back to, and whether its price was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lastgood.model.exchange import Exchange, Way
from lastgood.model.plan import NO_LOSS, PlanKind
from lastgood.model.problem import Problem
from lastgood.plan.descents import descend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import Move
    from lastgood.plan.request import Acceptance, Candidate, DatabaseFacts, PlanRequest

UNMEASURED_S = 600.0
"""A restore that was never measured: the runbook's middle for a database, "5 to 15 minutes"."""

SLOW = 2.0
"""How much longer than the last one a slow restore takes."""

UNACCEPTED = "loss-unaccepted"
DATA_STAYS, DATA_BARRED = "data-stays", "data-barred"
"""Why code goes back alone: nobody accepted a loss yet; or no number would make the data go."""
ACCEPT = "read the loss above; if that is the price: --accept-loss"
CODE_ONLY = "; or leave the data as it is: --without-database"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseChoice:
    """What was chosen for one database."""

    exchange: Exchange | None = None
    warnings: tuple[Problem, ...] = ()
    refusals: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchanges:
    """What was chosen for all of them, at the price that was accepted."""

    exchanges: tuple[Exchange, ...] = ()
    warnings: tuple[Problem, ...] = ()
    refusals: tuple[Problem, ...] = ()


def choose_exchanges(
    request: PlanRequest, databases: Sequence[DatabaseFacts], moves: Sequence[Move] = ()
) -> Exchanges:
    """How the databases go back, or why they cannot; what nobody accepted is shown all the same."""
    choices = [choose_exchange(request, facts, moves) for facts in databases]
    exchanges = tuple(c.exchange for c in choices if c.exchange is not None)
    refusals = [refusal for choice in choices for refusal in choice.refusals]
    if not refusals:
        taken, refusals = accepted(exchanges, request.acceptance, or_else(request))
        exchanges = taken or exchanges
    elif request.code:
        refusals = [code_at_least(refusal) for refusal in refusals]
    warnings = tuple(warning for choice in choices for warning in choice.warnings)
    return Exchanges(exchanges=exchanges, warnings=warnings, refusals=tuple(refusals))


def code_at_least(refusal: Problem) -> Problem:
    """The refusal with what can be done all the same."""
    return msgspec.structs.replace(refusal, mend=f"{refusal.mend}{CODE_ONLY}".lstrip("; "))


def may_go_alone(moves: Sequence[Move]) -> bool:
    """Whether code may go back while the data stays: no migration lies between the releases."""
    return bool(moves) and not any(move.migrations for move in moves)


def data_stays(data: Exchanges) -> Problem:
    """The warning when code goes back without the data that the verdict is about."""
    first = data.refusals[0]
    unaccepted = first.code == UNACCEPTED
    return Problem(
        code=DATA_STAYS if unaccepted else DATA_BARRED,
        what=f"code alone goes back, the data stays as it is: {first.what}",
        mend=afterwards(data.exchanges) if unaccepted else first.mend.removesuffix(CODE_ONLY),
    )


def afterwards(exchanges: Sequence[Exchange]) -> str:
    """How the data is brought back, too, once the code is back."""
    counts = [exchange.ceiling for exchange in exchanges]
    total = "unknown" if any(n is None for n in counts) else sum(n for n in counts if n)
    restores = any(exchange.way is Way.RESTORE for exchange in exchanges)
    word = "restore" if restores else "swap"
    return f"see: lastgood db preview; then: lastgood db {word} --accept-loss {total}"


def or_else(request: PlanRequest) -> str:
    """What else can be done where data must not go; a command for data alone has nothing else."""
    return CODE_ONLY if request.code else ""


def choose_copy(request: PlanRequest, facts: DatabaseFacts) -> Candidate | None:
    """The copy that a database goes back to; None when there is none.

    A named one is the only one. Otherwise it is the newest that nothing speaks against; one that
    stands goes before a newer one that would have to be restored first, since it takes a second
    and was kept for that.
    """
    possible = [one for one in facts.candidates if one.stands or request.restores]
    if request.backup is not None:
        return next((one for one in possible if one.id == request.backup), None)
    sound = [one for one in possible if not one.doubt]
    return next((one for one in sound if one.stands), sound[0] if sound else None)


def choose_exchange(
    request: PlanRequest, facts: DatabaseFacts, moves: Sequence[Move]
) -> DatabaseChoice:
    """How one database goes back, or why it cannot."""
    descent = descend(request, facts, moves)
    if descent is not None:
        return DatabaseChoice(exchange=descent)  # what stands in a swap's way does not in its
    chosen = choose_copy(request, facts)
    refusals = list(facts.obstacles)
    if chosen is None:
        # Where nothing could be asked, nothing is known of what there is to go back to.
        return DatabaseChoice(refusals=tuple(refusals) or (nothing_sound(request, facts),))
    expected = chosen.restore_s if chosen.restore_s is not None else UNMEASURED_S
    way = _way(request, chosen)
    restore_s = expected if way in (Way.RESTORE, Way.PHYSICAL) else 0.0
    exchange = Exchange(
        database=facts.name,
        way=way,
        why=_why(request, chosen),
        copy=chosen.id,
        snapshot_at=chosen.at,
        quarantine=facts.quarantine,
        loss=facts.losses.get(chosen.id),
        drop_slots=request.drop_slots,
        restore_point=chosen.restore_point,
        restore_s=restore_s,
        restore_p90_s=SLOW * restore_s,
    )
    warnings = tuple(_warnings(facts, chosen))
    return DatabaseChoice(exchange=exchange, warnings=warnings, refusals=tuple(refusals))


def accepted(
    exchanges: Sequence[Exchange], acceptance: Acceptance | None, otherwise: str
) -> tuple[tuple[Exchange, ...], list[Problem]]:
    """The exchanges with what may be lost by each, or why they may not be made.

    The accepted number is of all of them together: each may lose what the others leave of it.
    """
    if not exchanges:
        return (), []
    counts = [exchange.ceiling for exchange in exchanges]
    total = None if any(n is None for n in counts) else sum(n for n in counts if n)
    if acceptance is None:
        return (), [_unaccepted(exchanges, total, otherwise)]
    if acceptance.rows is None:
        return tuple(exchanges), []
    if total is None or total > acceptance.rows:
        return (), [_over(exchanges, total, acceptance.rows, otherwise)]
    spare = acceptance.rows - total
    return tuple(
        msgspec.structs.replace(exchange, accepted=spare + (exchange.vanishing or 0))
        for exchange in exchanges
    ), []


def in_words(exchanges: Sequence[Exchange]) -> str:
    """What data is lost, for people."""
    if not exchanges:
        return NO_LOSS
    return "; ".join(
        f"{exchange.database} {_returns(exchange)}: {_rows(exchange.vanishing)}"
        f"{'' if exchange.loss is None or exchange.loss.complete else ' (not all is exact)'}"
        for exchange in exchanges
    )


def _way(request: PlanRequest, chosen: Candidate) -> Way:
    if chosen.physical:
        return Way.PHYSICAL
    if request.kind is PlanKind.UNDO:
        return Way.QUARANTINE
    return Way.WARM if chosen.stands else Way.RESTORE


def _why(request: PlanRequest, chosen: Candidate) -> str:
    if request.kind is PlanKind.UNDO:
        return "it was replaced by the run that is undone"
    reasons = []
    if request.backup is not None:
        reasons.append("it was named")
    elif chosen.before is not None:
        reasons.append(f"it was made before {chosen.before[:12]} was deployed")
    else:
        reasons.append("it is the newest that nothing speaks against")
    if chosen.physical:
        return _why_physical(request)
    if chosen.stands:
        reasons.append("its restored copy stands: only names are swapped")
    elif chosen.restore_s is None:
        reasons.append("it has to be restored first; how long that takes was never measured")
    else:
        reasons.append(f"it has to be restored first, which took {chosen.restore_s:.0f} s")
    return "; ".join(reasons)


def _why_physical(request: PlanRequest) -> str:
    if request.at is not None:
        asked = "the moment was named"
    elif request.backup is not None:
        asked = "the restore point of this backup was named"
    else:
        asked = "it is the newest restore point that nothing speaks against"
    return f"{asked}; the server is down meanwhile, and all of its databases go back"


def _warnings(facts: DatabaseFacts, chosen: Candidate) -> list[Problem]:
    found = [facts.unread] if facts.unread is not None else []
    if chosen.doubt:
        found.append(
            Problem(
                code="doubtful-backup",
                what=f"this speaks against {chosen.id}: {chosen.doubt}",
                mend="take an older one: lastgood backup list",
            )
        )
    newer = [
        one
        for one in facts.candidates
        if one.at and chosen.at and one.at > chosen.at and not one.doubt
    ]
    if newer:
        found.append(
            Problem(
                code="newer-backup",
                what=f"a newer backup, {newer[0].id}, would lose less and must be restored first",
                mend=f"to go back to it instead: --backup {newer[0].id}",
            )
        )
    loss = facts.losses.get(chosen.id)
    if loss is not None and loss.shape:
        found.append(
            Problem(code="other-schema", what=f"the schema differs: {'; '.join(loss.shape)}")
        )
    return found


def nothing_sound(request: PlanRequest, facts: DatabaseFacts) -> Problem:
    """The refusal when there is nothing to go back to."""
    if request.kind is PlanKind.UNDO:
        return Problem(
            code="no-quarantine",
            what=f"what that run replaced of {facts.name} is not kept: it was put back, or dropped",
            mend="see what is kept: lastgood db quarantine; services alone: --without-database",
        )
    if facts.unread is not None:
        return facts.unread
    if not request.restores and any(not one.stands for one in facts.candidates):
        return Problem(
            code="no-warm-target",
            what=f"no restored copy stands beside {facts.name}",
            mend="restore a backup first: lastgood db restore",
        )
    if request.backup is not None:
        return Problem(
            code="no-backup",
            what=f"{facts.name} has no proven backup {request.backup[:60]!r}",
            mend="name another: lastgood backup list",
        )
    if facts.candidates:
        doubted = facts.candidates[0]
        return Problem(
            code="no-sound-backup",
            what=f"something speaks against every backup of {facts.name}; the newest, "
            f"{doubted.id}: {doubted.doubt}",
            mend="if you know better, name one: --backup ID",
        )
    return Problem(
        code="no-backup",
        what=f"{facts.name} has nothing to go back to: no backup is proven",
        mend="see what there is: lastgood backup list",
    )


def _unaccepted(exchanges: Sequence[Exchange], total: int | None, otherwise: str) -> Problem:
    said = "unknown" if total is None else str(total)
    return Problem(
        code=UNACCEPTED,
        what=f"{in_words(exchanges)}; nobody has accepted that",
        mend=f"{ACCEPT} {said}{otherwise}",
    )


def _over(exchanges: Sequence[Exchange], total: int | None, rows: int, otherwise: str) -> Problem:
    if total is None:
        return Problem(
            code="loss-unknown",
            what=f"{in_words(exchanges)}; a number was accepted, and nobody can count",
            mend=f"{ACCEPT} unknown{otherwise}",
        )
    return Problem(
        code="loss-over-accepted",
        what=f"{in_words(exchanges)}; only {rows} were accepted",
        mend=f"{ACCEPT} {total}{otherwise}",
    )


def _rows(count: int | None) -> str:
    if count is None:
        return "nobody knows how many rows vanish"
    return "1 row vanishes" if count == 1 else f"{count} rows vanish"


def _returns(exchange: Exchange) -> str:
    if exchange.way is not Way.DOWNGRADE:
        return f"returns to {_moment(exchange)}"
    goes = "".join(f", {line}" for line in (exchange.loss.shape if exchange.loss else ()))
    return f"is migrated down from {exchange.upper} to {exchange.lower}{goes}"


def _moment(exchange: Exchange) -> str:
    at = exchange.snapshot_at
    if exchange.way is Way.QUARANTINE:
        return f"the replaced database {exchange.copy}"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at is not None else exchange.copy
