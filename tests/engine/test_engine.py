"""The engine in one process: who stops it, who takes its run away, and what drivers forget."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lastgood.engine.direct.engine import DirectEngine, claim, end_children, step_children
from lastgood.errors import StaleLeaseError
from lastgood.model.plan import Step
from lastgood.model.run import Run, RunState, StepOutcome, StepState
from lastgood.process.masking import Masker
from lastgood.store.state import State
from lastgood.testing.nouns import ENVIRONMENT
from lastgood.testing.plans import plan_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from lastgood.ports.action import Action

RUN = "run-20260305-120000-abcd"
DONE = StepOutcome(state=StepState.DONE)
SECRET = "a long enough secret"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open("sqlite:///state.db", tmp_path) as opened:
        yield opened


def open_run(state: State, *steps: Step) -> Run:
    lease = state.locks.take(ENVIRONMENT, RUN, "ada@laptop", now())
    run = Run(
        id=RUN,
        environment=ENVIRONMENT,
        plan=plan_of(*steps),
        plan_digest="",
        epoch=lease.epoch,
        state=RunState.OPEN,
        by="ada@laptop",
        commanded_at=now(),
    )
    state.journal.create_run(run)
    return run


class Acting:
    """A handler whose `apply` is the test's."""

    def __init__(self, act: Callable[[Step, Action], Awaitable[None]]) -> None:
        self._act = act

    async def inspect(self, step: Step) -> StepOutcome | None:
        del step
        return None

    async def apply(self, step: Step, action: Action) -> None:
        await self._act(step, action)

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        del step, action
        return DONE


def engine(state: State, run: Run, act: Callable[[Step, Action], Awaitable[None]]) -> DirectEngine:
    return DirectEngine(state, run, {"act": Acting(act)}, Masker({SECRET}), now)


def step(name: str, *after: str, attempts: int = 1) -> Step:
    return Step(id=name, kind="act", name=name, after=after, attempts=attempts)


async def test_a_forgetful_driver_ends_its_own_step_only(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    done = []

    async def act(step: Step, action: Action) -> None:
        del action
        if step.id == "bad":
            raise KeyError(SECRET)
        await asyncio.sleep(0.1)
        done.append(step.id)

    run = open_run(state, step("bad"), step("good"), step("after", "good"), step("never", "bad"))
    ends = await engine(state, run, act).carry_out()
    assert done == ["good", "after"]
    assert ends["bad"].code == "fault"
    assert "KeyError" in ends["bad"].error
    assert ends["never"].state is StepState.SKIPPED
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert SECRET not in told + ends["bad"].error


async def test_nothing_begins_after_a_request_to_stop(state: State) -> None:
    begun = []

    async def act(step: Step, action: Action) -> None:
        del action
        begun.append(step.id)
        state.journal.request_cancel(RUN, "ada", now())

    run = open_run(state, step("first"), step("second", "first"))
    ends = await engine(state, run, act).carry_out()
    assert begun == ["first"]
    assert [end.state for end in ends.values()] == [StepState.DONE, StepState.CANCELLED]
    assert state.journal.step(RUN, "second").started_at is None


async def test_an_act_is_stopped_with_its_child_which_is_dead_before_it_is_said(
    state: State, tmp_path: Path
) -> None:
    async def act(step: Step, action: Action) -> None:
        del step
        script = f"import time; open({str(tmp_path / 'begun')!r}, 'w'); time.sleep(100)"
        await action.children.run([sys.executable, "-I", "-S", "-c", script], timeout=90)

    run = open_run(state, step("only"))
    carrying = asyncio.create_task(engine(state, run, act).carry_out())
    while not (tmp_path / "begun").exists():  # noqa: ASYNC110 - a file tells it
        await asyncio.sleep(0.01)
    state.journal.request_cancel(RUN, "ada", now())
    assert (await carrying)["only"].state is StepState.CANCELLED
    assert list((tmp_path / "guards").iterdir()) == []


async def test_who_lost_the_run_leaves_its_successors_children_alone(
    state: State, tmp_path: Path
) -> None:
    async def never(step: Step, action: Action) -> None:
        raise AssertionError((step, action))

    stale = open_run(state, step("only"))
    fresh = claim(state, stale)
    assert fresh.epoch == stale.epoch + 1
    assert state.locks.get(ENVIRONMENT).holder == "ada@laptop"
    children = step_children(state, RUN, "only", Masker())
    await children.claim()
    script = f"import time; open({str(tmp_path / 'begun')!r}, 'w'); time.sleep(0.5)"
    running = asyncio.create_task(
        children.run([sys.executable, "-I", "-S", "-c", script], timeout=90)
    )
    while not (tmp_path / "begun").exists():  # noqa: ASYNC110 - a file tells it
        await asyncio.sleep(0.01)
    before = state.journal.steps(RUN)
    with pytest.raises(StaleLeaseError):
        await engine(state, stale, never).carry_out()
    assert (await running).returncode == 0
    assert state.journal.steps(RUN) == before


async def test_who_loses_the_run_stops_what_it_is_doing(state: State) -> None:
    """It is told by nobody: it looks, also while a step does nothing but wait."""
    begun, stopped = asyncio.Event(), []

    async def act(step: Step, action: Action) -> None:
        del action
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            stopped.append(step.id)

    run = open_run(state, step("only"))
    carrying = asyncio.create_task(engine(state, run, act).carry_out())
    await begun.wait()
    claim(state, state.journal.run(RUN))
    with pytest.raises(StaleLeaseError):
        await asyncio.wait_for(carrying, 60)
    assert stopped == ["only"]
    assert state.journal.step(RUN, "only").outcome is None


async def test_who_lost_the_run_while_acting_writes_no_outcome_and_starts_no_child(
    state: State,
) -> None:
    refused: list[type[BaseException]] = []

    async def act(step: Step, action: Action) -> None:
        del step
        action.fence()
        # Stopped right here, and taken over meanwhile: the fence was looked at too early.
        claim(state, state.journal.run(RUN))
        await end_children(state, RUN, Masker())
        for late in (action.children.run(["true"], timeout=90), _noted(action)):
            try:
                await late
            except StaleLeaseError as stale:
                refused.append(type(stale))

    run = open_run(state, step("only"))
    with pytest.raises(StaleLeaseError):
        await engine(state, run, act).carry_out()
    assert refused == [StaleLeaseError] * 2
    record = state.journal.step(RUN, "only")
    assert (record.state, record.outcome, record.note) == (StepState.RUNNING, None, "")


async def _noted(action: Action) -> None:
    action.note("still here")


async def test_a_cancelled_run_gives_back_what_it_took(state: State) -> None:
    done = []

    async def act(step: Step, action: Action) -> None:
        del action
        if step.id == "swap":
            state.journal.request_cancel(RUN, "ada", now())
            await asyncio.sleep(60)
        done.append(step.id)

    start = Step(id="start", kind="act", name="start", after=("stop", "swap"), takes_back="stop")
    run = open_run(state, step("stop"), step("swap", "stop"), start)
    outcomes = await engine(state, run, act).carry_out()

    assert outcomes["swap"].state is StepState.CANCELLED
    assert outcomes["start"].state is StepState.DONE
    assert done == ["stop", "start"]
