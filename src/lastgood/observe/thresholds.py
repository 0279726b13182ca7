"""Thresholds both ways: a check's standing turns only after enough equal results in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lastgood.model.check import HealthState

if TYPE_CHECKING:
    from lastgood.model.check import CheckResult, Health, Thresholds


def advance(health: Health, result: CheckResult, thresholds: Thresholds) -> Health:
    """The standing after one more result.

    A result that this machine's own connectivity spoiled is shown, and counts for nothing. While a
    check is believed to fail, single good looks do not move `failing_since`: an outage with a
    flicker in it is one outage.
    """
    if result.own_fault:
        return msgspec.structs.replace(health, last=result)
    same = health.streak > 0 and health.streak_ok is result.ok
    streak = health.streak + 1 if same else 1
    state, since = health.state, health.since
    needed = thresholds.recover_after if result.ok else thresholds.fail_after
    reached = HealthState.HEALTHY if result.ok else HealthState.FAILING
    if streak >= needed and state is not reached:
        state, since = reached, result.at
    failing_since = health.failing_since
    if not result.ok:
        failing_since = failing_since or result.at
    elif state is not HealthState.FAILING:
        failing_since = None
    return msgspec.structs.replace(
        health,
        state=state,
        streak=streak,
        streak_ok=result.ok,
        since=since,
        failing_since=failing_since,
        last=result,
    )
