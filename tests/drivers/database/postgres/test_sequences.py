"""Where a copy's sequence is set to, whatever both are like."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lastgood.drivers.database.postgres.swap.sequences import MARGIN, State, past

STEPS = st.integers(-5, 5).filter(bool)
ENDS = st.tuples(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000)).map(sorted)


@st.composite
def states(draw: st.DrawFn) -> State:
    low, high = draw(ENDS)
    return State(
        last=draw(st.integers(low, high)),
        given=draw(st.booleans()),
        step=draw(STEPS),
        low=low,
        high=high,
        cycles=draw(st.booleans()),
    )


@given(states(), states())
def test_it_never_goes_back_nor_out_of_its_limits(live: State, copy: State) -> None:
    target = past(live, copy)
    if target is None:
        return
    assert copy.low <= target <= copy.high
    if not copy.cycles:
        up = 1 if copy.step > 0 else -1
        assert (target + copy.step - copy.next) * up > 0
        # Nothing that was given is given again, as far as there are other numbers.
        last = live.last if live.given else live.last - live.step
        assert target == (copy.high if up > 0 else copy.low) or (target - last) * up >= 0


@given(states(), states())
def test_it_stays_when_nothing_was_given_since(live: State, copy: State) -> None:
    assert past(copy, copy) is None
    if (live.step > 0) is not (copy.step > 0):
        assert past(live, copy) is None


def test_there_is_a_margin_where_there_is_room() -> None:
    copy = State(last=10, given=True, step=2, low=1, high=10_000, cycles=False)
    assert past(copy._replace(last=20), copy) == 20 + 2 * MARGIN
    assert past(copy._replace(last=9_000), copy) == 9_000
    assert past(copy._replace(last=10_000), copy) == 10_000
    assert past(copy._replace(last=20_000, high=30_000), copy) == 10_000
    assert past(copy._replace(last=8), copy) is None
