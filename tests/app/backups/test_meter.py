"""How far it is, told by a clock that the test moves."""

from __future__ import annotations

from lastgood.app.backups.meter import PAUSE_S, Meter
from lastgood.ports.database import Progress


class Seconds:
    """A clock that stands still."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_it_is_told_now_and_then_with_tables_and_bytes() -> None:
    clock, told = Seconds(), list[str]()
    meter = Meter(told.append, "dump", "stored", clock)
    stream = meter.passing([bytes(32 << 20)] * 4)

    for _ in range(2):
        next(stream)
        meter.heard(Progress(tables=1, of_tables=40))
    assert told == []
    clock.at += PAUSE_S
    next(stream)
    meter.heard(Progress(tables=2, of_tables=40))
    assert told == ["dump: 1 of 40 tables, 64 MiB stored"]
    clock.at += PAUSE_S
    meter.heard(Progress(tables=12, of_tables=40))
    clock.at += PAUSE_S
    assert len(list(stream)) == 1

    assert told[1:] == [
        "dump: 12 of 40 tables, 64 MiB stored",
        "dump: 12 of 40 tables, 96 MiB stored",
    ]


def test_what_follows_the_rows_is_told_once_they_took_their_time() -> None:
    clock, told = Seconds(), list[str]()
    meter = Meter(told.append, "proof", "restored", clock)
    last = Progress(tables=3, of_tables=3, later=7)
    meter.heard(last)
    assert told == []
    clock.at += PAUSE_S
    meter.heard(Progress(tables=3))
    meter.heard(last)

    assert told == [
        "proof: 3 tables, 0 MiB restored",
        "proof: all rows are there, 7 indexes and the like follow, 0 MiB restored",
    ]


def test_a_part_without_tables_is_told_by_its_bytes() -> None:
    clock, told = Seconds(), list[str]()
    stream = Meter(told.append, "state", "stored", clock).passing([bytes(1 << 20)] * 2)
    next(stream)
    clock.at += PAUSE_S
    list(stream)
    assert told == ["state: 1 MiB stored"]
