from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from lastgood.errors import RemoteError
from lastgood.model.check import HealthState, Thresholds
from lastgood.model.release import Deployment
from lastgood.observe.observer import Observer
from lastgood.observe.watched import Instances, WatchedCheck, WatchedService
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
from lastgood.testing.check import ScriptedCheck
from lastgood.testing.signal import ScriptedSignal

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.ports.deploy import Deployer

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Tells:
    """As much of a deploy driver as seeing needs."""

    commit: str | None = None
    error: Exception | None = None
    tells_current: bool = True

    async def current(self) -> str | None:
        if self.error is not None:
            raise self.error
        return self.commit


def telling(commit: str | None = None, **more: Any) -> Deployer:
    return cast("Deployer", Tells(commit, **more))


def deployed(commit: str) -> Deployment:
    return Deployment(
        id=1, environment="production", service="web", commit=commit, at=AT, by="ci", source="ci"
    )


def watched(check: ScriptedCheck) -> WatchedCheck:
    return WatchedCheck(name=check.name, check=check, timeout_s=60)


def observer(*checks: ScriptedCheck, **service: Any) -> Observer:
    names = tuple(check.name for check in checks)
    return Observer(
        environment="production",
        checks=[watched(check) for check in checks],
        services=[WatchedService(name="web", checks=names, **service)],
    )


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return Toolbox(
        environment="production",
        name="web",
        base=tmp_path,
        state=tmp_path,
        children=PlainChildren(Masker()),
    )


async def test_from_cold_each_check_comes_to_its_standing() -> None:
    good, bad = ScriptedCheck(name="good"), ScriptedCheck(name="bad", ok=False)
    seen = await observer(good, bad).settle(limit_s=60)
    assert seen.healths["good"].state is HealthState.HEALTHY
    assert seen.healths["bad"].state is HealthState.FAILING
    assert seen.failing == ("bad",)
    assert not seen.healthy
    assert (len(good.asked), len(bad.asked)) == (2, 3)
    assert {result.name for result in seen.results} == {"good", "bad"}
    assert seen.check_services == {"good": ("web",), "bad": ("web",)}
    assert seen.connectivity is None


async def test_what_has_no_standing_in_time_stays_unknown_and_delays_nothing() -> None:
    seen = await observer(
        ScriptedCheck(name="good"), ScriptedCheck(name="slow", takes_s=3600)
    ).settle(limit_s=2)
    assert seen.healths["good"].state is HealthState.HEALTHY
    assert seen.healths["slow"].state is HealthState.UNKNOWN
    assert not seen.healthy


async def test_look_moves_each_standing_by_one_result() -> None:
    check = ScriptedCheck()
    watching = observer(check)
    assert (await watching.look()).healths["home"].streak == 1
    assert (await watching.observe()).healths["home"].streak == 1
    assert (await watching.look()).healths["home"].state is HealthState.HEALTHY


async def test_service_says_what_runs_what_answers_and_since_when() -> None:
    check = ScriptedCheck(name="health", version="c1")
    seen = await observer(ScriptedCheck(), check, deployer=telling("c1")).settle(
        {"web": deployed("c1")}, limit_s=60
    )
    view = seen.services["web"]
    assert (view.live, view.recorded, view.live_since) == ("c1", "c1", AT)
    assert view.answering == {"http://health/": "c1"}
    assert view.problem is None


async def test_live_release_that_the_ledger_does_not_know_has_no_since() -> None:
    view = (await observer(deployer=telling("c2")).look({"web": deployed("c1")})).services["web"]
    assert (view.live, view.recorded, view.live_since) == ("c2", "c1", None)
    unsaid = (await observer().look({"web": deployed("c1")})).services["web"]
    assert (unsaid.live, unsaid.recorded, unsaid.live_since) == (None, "c1", AT)


async def test_every_instance_is_asked_for_its_version() -> None:
    check = ScriptedCheck(
        name="health", versions={"http://10.0.0.1:80": "c1", "http://me:secret@10.0.0.2/": None}
    )
    urls = tuple(check.versions)
    seen = await observer(check, instances=Instances(urls=urls)).look()
    assert seen.services["web"].answering == {"http://10.0.0.1:80": "c1", "http://10.0.0.2": None}


async def test_instances_without_a_check_that_names_a_version_say_none() -> None:
    seen = await observer(ScriptedCheck(), instances=Instances(urls=("http://[::1]:8",))).look()
    assert seen.services["web"].answering == {"http://[::1]:8": None}


async def test_instances_are_printed_by_a_command(toolbox: Toolbox) -> None:
    check = ScriptedCheck(name="health", version="c1")
    printed = Instances(
        command=(sys.executable, "-c", "print('http://a:1\\n\\n  https://b:2 ')"), toolbox=toolbox
    )
    seen = await observer(check, instances=printed).look()
    assert seen.services["web"].answering == {"http://a:1": "c1", "https://b:2": "c1"}


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("", "the command printed no instance"),
        ("print('not an address')", "an instance's address is none"),
        ("print('http://h:99999')", "an instance's address is none"),
        ("print('http://h\\n' * 1000)", "the command printed more than 500 instances"),
        ("raise SystemExit(3)", ""),
    ],
)
async def test_command_that_prints_no_instances_is_a_problem(
    toolbox: Toolbox, script: str, problem: str
) -> None:
    check = ScriptedCheck(name="health", version="c1")
    printed = Instances(command=(sys.executable, "-c", script), toolbox=toolbox)
    view = (await observer(check, instances=printed).look()).services["web"]
    assert view.answering == {}
    assert view.problem is not None
    assert view.problem.startswith(f"what answers for web cannot be seen: {problem}")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RemoteError("the host is away", cause="\x1b[2Jtimeout"), "the host is away: timeout"),
        (ZeroDivisionError(), "its driver is broken: ZeroDivisionError"),
    ],
)
async def test_one_services_fault_hides_no_other(error: Exception, words: str) -> None:
    services = [
        WatchedService(name="web", deployer=telling(error=error)),
        WatchedService(name="api", deployer=telling("c1")),
        WatchedService(name="mute", deployer=telling("c1", tells_current=False)),
    ]
    seen = await Observer(environment="production", services=services).look()
    assert seen.services["web"].problem == f"what runs for web cannot be seen: {words}"
    assert seen.services["api"].live == "c1"
    assert seen.services["mute"].live is None


async def test_signals_are_read_and_a_broken_one_says_so() -> None:
    signals = {
        "users_affected": ScriptedSignal(failed=6, n=10),
        "broken": ScriptedSignal(name="broken", breaks=True),
    }
    seen = await Observer(environment="production", signals=signals).observe()
    by_name = {signal.name: signal for signal in seen.signals}
    assert by_name["users_affected"].value == 0.6
    assert by_name["broken"].error == "the signal's driver is broken: RuntimeError"


async def test_closing_closes_checks_and_signals_and_may_happen_twice() -> None:
    check, signal = ScriptedCheck(), ScriptedSignal()
    watching = Observer(
        environment="production", checks=[watched(check)], signals={"users_affected": signal}
    )
    await watching.close()
    await watching.close()
    assert (check.closed, signal.closed) == (2, 2)


async def test_thresholds_of_each_check_are_its_own() -> None:
    check = ScriptedCheck(ok=False)
    eager = replace(watched(check), thresholds=Thresholds(fail_after=1))
    seen = await Observer(environment="production", checks=[eager]).look()
    assert seen.healths["home"].state is HealthState.FAILING
