"""All that a verdict rests on, as evidence that can be shown and replayed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.verdict import Evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.judge.case import Case

NOT_EVIDENCE = frozenset({"by"})


def gather(case: Case) -> tuple[Evidence, ...]:
    """What was stated, what was measured, how each check stands and what runs."""
    return (*of_statement(case), *of_signals(case), *of_checks(case), *of_services(case))


def of_statement(case: Case) -> Iterator[Evidence]:
    """One piece for each answer that a person gave."""
    source = f"stated by {case.statement.by or 'a person'}"
    for name, value in msgspec.structs.asdict(case.statement).items():
        if name in NOT_EVIDENCE or value is None or value is False:
            continue
        yield Evidence(name=name, value=value, source=source, at=case.now)


def of_signals(case: Case) -> Iterator[Evidence]:
    """One piece for each signal, also those that measured nothing."""
    for signal in case.observation.signals if case.observation else ():
        yield Evidence(
            name=signal.name,
            value=signal.value,
            low=signal.low,
            high=signal.high,
            n=signal.n,
            source=signal.source if signal.error is None else f"{signal.source}: {signal.error}",
            at=signal.at,
        )


def of_checks(case: Case) -> Iterator[Evidence]:
    """One piece for each check: its standing after how many equal looks."""
    for name, health in case.observation.healths.items() if case.observation else ():
        last = health.last
        yield Evidence(
            name=name,
            value=health.state.value,
            n=health.streak,
            source=last.address if last else "",
            at=last.at if last else None,
        )


def of_services(case: Case) -> Iterator[Evidence]:
    """One piece for each service: what runs since when."""
    for name, view in case.observation.services.items() if case.observation else ():
        yield Evidence(
            name=f"live:{name}", value=view.live, source="deployment", at=view.live_since
        )
