"""A stream that is held back, by a clock that only its sleeping moves."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lastgood.app.backups.pace import paced


class Clock:
    """Time as the test lets it pass."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.slept = list[float]()

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@pytest.mark.parametrize("size", [1, 7, 100, 250, 1_000])
def test_no_second_gets_more_than_its_share(size: int) -> None:
    clock, chunks = Clock(), [b"x" * size] * (5_000 // size)
    seen = [(clock.at, len(piece)) for piece in paced(chunks, 100.0, clock.now, clock.sleep)]

    whole = size * len(chunks)
    assert sum(length for _, length in seen) == whole
    # What the full bucket held went at once.
    assert clock.at - 1_000.0 == pytest.approx((whole - 100) / 100.0)
    assert max(clock.slept) <= 1.0
    assert all(before <= after for (before, _), (after, _) in pairwise(seen))
    for start, _ in seen:
        assert sum(length for at, length in seen if start <= at < start + 1.0) <= 200


def test_whoever_waited_gets_a_second_worth_at_once_and_no_more() -> None:
    clock = Clock()
    stream = paced([b"x" * 100] * 4, 100.0, clock.now, clock.sleep)
    next(stream)
    clock.at += 3_600
    next(stream)
    assert clock.slept == []
    next(stream)
    assert clock.slept == [pytest.approx(1.0)]


def test_the_bytes_are_the_same_and_nothing_is_held_back_without_a_rate() -> None:
    clock = Clock()
    chunks = [b"abc", b"", b"defghijk" * 100]
    assert list(paced(chunks, None, clock.now, clock.sleep)) == chunks
    assert b"".join(paced(chunks, 10.0, clock.now, clock.sleep)) == b"".join(chunks)
