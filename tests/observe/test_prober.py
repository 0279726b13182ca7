from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.model.check import HealthState, Thresholds
from lastgood.observe.connectivity import Connectivity
from lastgood.observe.prober import Prober
from lastgood.observe.watched import WatchedCheck
from lastgood.testing.check import ScriptedCheck

if TYPE_CHECKING:
    from collections.abc import Callable


def watched(check: ScriptedCheck, **more: Any) -> WatchedCheck:
    return WatchedCheck(name=check.name, check=check, **{"every_s": 0.02, **more})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.005)


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_one_that_hangs_delays_no_other() -> None:
    hanging = ScriptedCheck(name="hanging", takes_s=3600)
    quick = [ScriptedCheck(name=f"quick{n}") for n in range(20)]
    prober = Prober([watched(hanging, timeout_s=3600), *map(watched, quick)])
    running = asyncio.create_task(prober.run())
    await until(lambda: all(len(check.asked) >= 5 for check in quick))
    await stop(running)
    assert len(hanging.asked) == 1
    assert "hanging" not in prober.latest()
    assert prober.healths()["quick7"].state is HealthState.HEALTHY


async def test_looks_never_pile_up() -> None:
    slow = ScriptedCheck(takes_s=0.1)
    prober = Prober([watched(slow, every_s=0.01)])
    running = asyncio.create_task(prober.run())
    await until(lambda: len(slow.asked) >= 4)
    await stop(running)
    assert slow.most_running == 1


async def test_a_broken_driver_is_a_bad_result_and_stops_nothing() -> None:
    broken, fine = ScriptedCheck(name="broken", breaks=True), ScriptedCheck(name="fine")
    prober = Prober([watched(broken), watched(fine)])
    running = asyncio.create_task(prober.run())
    await until(lambda: len(broken.asked) >= 3 and len(fine.asked) >= 3)
    await stop(running)
    assert prober.latest()["broken"].error == "the check's driver is broken: RuntimeError"
    assert prober.latest()["fine"].ok


async def test_a_driver_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastgood.observe.prober.PATIENCE_S", 0.05)
    prober = Prober([watched(ScriptedCheck(takes_s=3600), timeout_s=0.05)])
    (result,) = await prober.once()
    assert result.error == "the check's driver did not end in time"


async def test_once_looks_at_all_side_by_side_or_at_the_named_ones() -> None:
    checks = [ScriptedCheck(name=f"c{n}", takes_s=0.05) for n in range(50)]
    prober = Prober([watched(check) for check in checks])
    assert [result.name for result in await prober.once()] == [f"c{n}" for n in range(50)]
    assert [result.name for result in await prober.once(["c3"])] == ["c3"]
    assert prober.healths()["c3"].streak == 2
    assert prober.healths()["c4"].streak == 1


async def test_failures_without_any_connectivity_are_our_own() -> None:
    lost = Connectivity(["127.0.0.1:1"], timeout_s=30)
    bad, good = ScriptedCheck(name="bad", ok=False), ScriptedCheck(name="good")
    prober = Prober(
        [watched(bad, thresholds=Thresholds(fail_after=1)), watched(good)], connectivity=lost
    )
    results = await prober.once()
    assert [result.own_fault for result in results] == [True, False]
    assert prober.healths()["bad"].state is HealthState.UNKNOWN
    await lost.close()


async def test_without_checks_it_waits_for_nothing() -> None:
    await Prober([]).run()
    assert await Prober([]).once() == ()
