"""Signals after the move against signals before it, by their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.problem import Problem
from lastgood.model.signal import USERS_AFFECTED, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

SIGNALS_WORSE = "signals-worse"


def compare(
    before: Sequence[Signal], after: Sequence[Signal], moved_at: datetime, over_share: float
) -> Iterator[Problem]:
    """What the signals say against the move.

    Only a measurement whose whole window lies after the move says anything of it; one that is
    missing, or looks back over the move, is said and is no failure. A signal is worse when its
    interval lies wholly above the former one; the share of users affected must not surely be over
    its threshold either, however bad it was before.
    """
    former = {signal.name: signal for signal in before}
    newer = {signal.name: signal for signal in after}
    for name in sorted({*former, *newer}):
        yield from compare_one(name, former.get(name), newer.get(name), moved_at, over_share)


def compare_one(
    name: str, before: Signal | None, after: Signal | None, moved_at: datetime, over_share: float
) -> Iterator[Problem]:
    """What one signal says."""
    if after is None or after.low is None:
        reason = f": {after.error}" if after is not None and after.error else ""
        yield Problem(code="signal-missing", what=f"{name} could not be measured{reason}")
    elif after.since is None or after.since < moved_at:
        yield Problem(
            code="signal-early", what=f"{name} cannot tell yet: its window begins before the move"
        )
    elif name == USERS_AFFECTED and after.low > over_share:
        yield worse(f"{name} is still over {over_share * 100:g} %: {ends(after)}")
    elif before is not None and before.high is not None and after.low > before.high:
        yield worse(f"{name} is worse than before: {ends(after)}, before {ends(before)}")


def ends(signal: Signal) -> str:
    """A signal's interval and how many it rests on; the proof holds where it was read."""
    low, high = ("?" if end is None else f"{end * 100:.4g}" for end in (signal.low, signal.high))
    return f"{low} to {high} % (n = {signal.n})"


def worse(what: str) -> Problem:
    """The move did not help."""
    return Problem(
        code=SIGNALS_WORSE,
        what=what,
        mend="look for another cause: `lastgood decide`; or go back again: `lastgood undo`",
    )
