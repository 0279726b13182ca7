from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.model.interval import anytime_interval, log_beta_tail, log_evidence


@pytest.mark.parametrize(("failed", "n"), [(9, 9), (24, 30), (53, 76), (198, 330)])
def test_users_needed_for_a_lower_bound_above_a_half(failed: int, n: int) -> None:
    assert anytime_interval(failed, n)[0] > 0.5
    fewer = n - 1
    assert anytime_interval(math.floor(failed / n * fewer), fewer)[0] <= 0.5


def test_with_nothing_seen_nothing_is_excluded() -> None:
    assert anytime_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("failed", "n"), [(-1, 3), (4, 3), (0, -1)])
def test_counts_that_cannot_be_are_refused(failed: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        anytime_interval(failed, n)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, 2.0])
def test_alpha_that_is_no_chance_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="is no chance"):
        anytime_interval(1, 2, alpha)


def ever_wrong(share: float, runs: int, looks: range, seed: int) -> float:
    """The part of simulated runs in which the lower bound is ever above the true share."""
    chance = random.Random(seed)  # noqa: S311 - a simulation that is the same each time
    wrong = 0
    for _ in range(runs):
        failed = seen = 0
        for n in looks:
            failed += sum(chance.random() < share for _ in range(n - seen))
            seen = n
            if log_evidence(failed, n, share) >= -math.log(0.01):
                wrong += 1
                break
    return wrong / runs


@pytest.mark.parametrize("share", [0.5, 0.4, 0.05])
def test_looking_again_and_again_is_wrong_in_fewer_than_one_of_a_hundred(share: float) -> None:
    assert ever_wrong(share, runs=400, looks=range(20, 601, 5), seed=7) < 0.01


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_interval_holds_the_share_and_is_symmetric(failed: int, healthy: int) -> None:
    n = failed + healthy
    low, high = anytime_interval(failed, n)
    assert 0.0 <= low <= high <= 1.0
    if n:
        assert low <= failed / n <= high
    other_low, other_high = anytime_interval(healthy, n)
    assert low == pytest.approx(1 - other_high, abs=1e-9)
    assert high == pytest.approx(1 - other_low, abs=1e-9)


@given(st.integers(1, 1000), st.integers(0, 1000))
def test_one_more_failed_user_never_lowers_the_bounds(failed: int, healthy: int) -> None:
    low, high = anytime_interval(failed, failed + healthy)
    more_low, more_high = anytime_interval(failed + 1, failed + 1 + healthy)
    assert more_low >= low - 1e-9
    assert more_high >= high - 1e-9


@given(st.integers(1, 2000), st.integers(0, 2000), st.floats(0.001, 0.2), st.floats(0.001, 0.2))
def test_more_certainty_is_wider(failed: int, healthy: int, one: float, other: float) -> None:
    strict, loose = sorted((one, other))
    narrow = anytime_interval(failed, failed + healthy, loose)
    wide = anytime_interval(failed, failed + healthy, strict)
    assert wide[0] <= narrow[0] + 1e-9
    assert wide[1] >= narrow[1] - 1e-9


@given(st.integers(1, 500), st.integers(0, 500), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_evidence_falls_as_the_share_rises(
    failed: int, healthy: int, one: float, other: float
) -> None:
    """So that halving finds the one place where the bound is."""
    n = failed + healthy
    small, large = sorted(min(x, failed / n) for x in (one, other))
    if 0 < small < large < 1:
        assert log_evidence(failed, n, small) >= log_evidence(failed, n, large) - 1e-9


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.01, 0.99))
def test_beta_tail_equals_the_binomial_sum(a: int, b: int, x: float) -> None:
    n = a + b - 1
    exact = math.fsum(math.comb(n, k) * x**k * (1 - x) ** (n - k) for k in range(a))
    assert log_beta_tail(a, b, x) == pytest.approx(math.log(exact), abs=1e-7)


def test_a_million_users_are_bounded_closely() -> None:
    low, high = anytime_interval(600_000, 1_000_000)
    assert 0.597 < low < 0.6 < high < 0.603
