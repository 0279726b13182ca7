"""The interpreter on plans of every shape, crashed at every point: it ends in the same state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastgood.errors import StaleLeaseError, StateError, StepError
from lastgood.execute.interpreter import interpret
from lastgood.execute.step import perform
from lastgood.model.act import Act, Perform, Settle
from lastgood.model.plan import Plan, Step
from lastgood.model.run import StepOutcome, StepState
from lastgood.testing.action import FakeAction
from lastgood.testing.loop import at_once
from lastgood.testing.plans import plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lastgood.ports.action import Action

CANCELLED = StepOutcome(state=StepState.CANCELLED, code="cancelled")
DONE = StepOutcome(state=StepState.DONE)


class Crash(BaseException):
    """The process is gone: no handler of ours may catch it."""


@dataclass
class World:
    """What outlives a crash, and when the next one comes.

    `way` says how each step goes: `well`, `fails` for good, `hangs` before its effect, or
    `late`: as often as given it fails for a while.
    """

    way: Mapping[str, str] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    crash_at: int | None = None
    cancel_at: int | None = None
    effects: list[str] = field(default_factory=list)
    recorded: dict[str, StepOutcome] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    points: int = 0
    dead: bool = False

    @property
    def cancelled(self) -> bool:
        return self.cancel_at is not None and self.points >= self.cancel_at

    def point(self) -> None:
        """A place where the process may die; nothing is done by the dead."""
        self.points += 1
        if self.points == self.crash_at:
            self.dead = True
        if self.dead:
            raise Crash

    # The journal of the run.

    def outcome(self, step: str) -> StepOutcome | None:
        return self.recorded.get(step)

    def start(self, step: str, attempt: int) -> None:
        del step, attempt
        self.point()

    def finish(self, step: str, outcome: StepOutcome) -> StepOutcome:
        self.point()
        kept = self.recorded.setdefault(step, outcome)
        self.point()
        return kept

    # The handler of every step.

    async def inspect(self, step: Step) -> StepOutcome | None:
        self.point()
        return DONE if step.id in self.effects else None

    async def apply(self, step: Step, action: Action) -> None:
        del action
        way = self.way.get(step.id, "well")
        self.point()
        if way == "hangs":
            await asyncio.sleep(10 * step.timeout_s)
        if way == "fails":
            raise StepError("it does not work", code="broken")
        if self.late.get(step.id, 0):
            self.late[step.id] -= 1
            raise StepError("not yet", retryable=True)
        await asyncio.sleep(step.estimate_s)
        self.point()
        self.effects.append(step.id)
        self.point()

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        del step, action
        self.point()
        return DONE

    async def call(self, act: Act) -> StepOutcome:
        """What an engine supplies, without any process."""
        if isinstance(act, Settle):
            return self.finish(act.step.id, act.outcome)
        if self.cancelled:
            self.refused.append(act.step.id)
            return self.finish(act.step.id, CANCELLED)
        return await perform(act.step, act.attempt, self, self, FakeAction())


async def run_to_end(
    plan: Plan, world: World, crashes: Sequence[int] = ()
) -> Mapping[str, StepOutcome]:
    """Run again after each crash; a crash's place counts from the crash before it."""
    for crash in crashes:
        world.crash_at, world.dead = world.points + crash, False
        try:
            return await interpret(plan, world.call, asyncio.sleep)
        except BaseExceptionGroup as group:
            if group.split(Crash)[1] is not None:
                raise
    world.crash_at, world.dead = None, False
    return await interpret(plan, world.call, asyncio.sleep)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any order of up to six steps in which each comes after some of those before it."""
    count = draw(st.integers(1, 6))
    steps: list[Step] = []
    for number in range(count):
        former = [step.id for step in steps]
        after = draw(st.lists(st.sampled_from(former), unique=True, max_size=3)) if former else []
        steps.append(
            Step(
                id=f"s{number}",
                kind="set",
                name=f"step {number}",
                after=tuple(after),
                timeout_s=draw(st.sampled_from([2.0, 5.0])),
                attempts=draw(st.integers(1, 3)),
                estimate_s=draw(st.sampled_from([0.0, 0.5, 1.0])),
            )
        )
    return plan_of(*draw(st.permutations(steps)))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Plan, dict[str, str], dict[str, int]]:
    """A plan, how each step goes, and how often it fails before it goes well."""
    plan = draw(plans())
    ways = st.sampled_from(["well", "well", "well", "fails", "hangs"])
    way = {step.id: draw(ways) for step in plan.steps}
    late = {step.id: draw(st.integers(0, step.attempts - 1)) for step in plan.steps}
    return plan, way, late


def expected(plan: Plan, way: Mapping[str, str]) -> dict[str, StepState]:
    """How each step must end, from the plan alone."""
    ends: dict[str, StepState] = {}
    while len(ends) < len(plan.steps):
        for step in plan.steps:
            if step.id in ends or not all(before in ends for before in step.after):
                continue
            if any(ends[before] is not StepState.DONE for before in step.after):
                ends[step.id] = StepState.SKIPPED
            else:
                ends[step.id] = StepState.DONE if way[step.id] == "well" else StepState.FAILED
    return ends


def states(outcomes: Mapping[str, StepOutcome]) -> dict[str, StepState]:
    return {step: outcome.state for step, outcome in outcomes.items()}


def in_order(plan: Plan, effects: Sequence[str]) -> bool:
    """Whether everything was done after what it comes after, and nothing twice."""
    place = {step: number for number, step in enumerate(effects)}
    return len(place) == len(effects) and all(
        place[before] < place[step.id]
        for step in plan.steps
        if step.id in place
        for before in step.after
    )


@settings(max_examples=40)
@given(case=cases())
def test_every_single_crash_leads_to_the_same_end(
    case: tuple[Plan, dict[str, str], dict[str, int]],
) -> None:
    plan, way, late = case
    undisturbed = World(way=way, late=dict(late))
    assert states(at_once(run_to_end(plan, undisturbed))) == expected(plan, way)
    assert in_order(plan, undisturbed.effects)
    for crash in range(1, undisturbed.points + 1):
        world = World(way=way, late=dict(late))
        assert states(at_once(run_to_end(plan, world, [crash]))) == expected(plan, way)
        assert in_order(plan, world.effects)
        assert sorted(world.effects) == sorted(undisturbed.effects)
        assert states(world.recorded) == expected(plan, way)


@given(case=cases(), crashes=st.lists(st.integers(1, 12), max_size=8))
def test_many_crashes_lead_to_the_same_end(
    case: tuple[Plan, dict[str, str], dict[str, int]], crashes: list[int]
) -> None:
    plan, way, late = case
    world = World(way=way, late=late)
    assert states(at_once(run_to_end(plan, world, crashes))) == expected(plan, way)
    assert in_order(plan, world.effects)


@given(case=cases(), cancel=st.integers(0, 30), crashes=st.lists(st.integers(1, 12), max_size=3))
def test_a_step_that_was_stopped_is_not_tried_again_nor_what_comes_after_it(
    case: tuple[Plan, dict[str, str], dict[str, int]], cancel: int, crashes: list[int]
) -> None:
    plan, way, late = case
    world = World(way=way, late=late, cancel_at=cancel)
    ends = states(at_once(run_to_end(plan, world, crashes)))
    uncancelled = expected(plan, way)
    assert crashes or len(set(world.refused)) == len(world.refused)
    assert in_order(plan, world.effects)
    for step in plan.steps:
        allowed = {uncancelled[step.id], StepState.CANCELLED}
        assert ends[step.id] in allowed | ({StepState.FAILED} if late[step.id] else set())
        before = [ends[other] for other in step.after]
        if StepState.CANCELLED in before:
            assert ends[step.id] is StepState.CANCELLED


def test_a_branch_goes_on_while_its_neighbour_fails() -> None:
    plan = plan_of(
        Step(id="frontend", kind="set", name="frontend", estimate_s=3),
        Step(id="backend", kind="set", name="backend"),
        Step(id="after frontend", kind="set", name="one", after=("frontend",)),
        Step(id="after both", kind="set", name="two", after=("frontend", "backend")),
    )
    world = World(way={"backend": "fails"})
    ends = states(at_once(run_to_end(plan, world)))
    assert world.effects == ["frontend", "after frontend"]
    assert ends["backend"] is StepState.FAILED
    assert ends["after both"] is StepState.SKIPPED


def stopping(*, by: str = "stop") -> Plan:
    """A service rests while something is done."""
    return plan_of(
        Step(id="check", kind="set", name="check"),
        Step(id="stop", kind="set", name="stop", after=("check",)),
        Step(id="swap", kind="set", name="swap", after=("stop",), estimate_s=1),
        Step(id="start", kind="set", name="start", after=("stop", "swap"), takes_back=by),
        Step(id="prove", kind="set", name="prove", after=("start",)),
    )


@pytest.mark.parametrize("broken", ["swap", "stop"])
def test_what_was_taken_away_comes_back_whatever_fails(broken: str) -> None:
    world = World(way={broken: "fails"})
    ends = states(at_once(run_to_end(stopping(), world)))
    assert ends["start"] is StepState.DONE
    assert "start" in world.effects


def test_what_was_never_taken_away_need_not_come_back() -> None:
    world = World(way={"check": "fails"})
    ends = states(at_once(run_to_end(stopping(), world)))
    assert ends["start"] is StepState.SKIPPED
    assert world.effects == []


def test_what_a_cancelled_run_never_came_to_need_not_come_back() -> None:
    world = World(cancel_at=0)
    ends = states(at_once(run_to_end(stopping(), world)))
    assert ends["start"] is StepState.CANCELLED
    assert world.refused == ["check"]


async def _recorded_sleeps(step: Step, answers: list[StepOutcome]) -> tuple[list[float], list[int]]:
    sleeps: list[float] = []
    attempts: list[int] = []

    async def call(act: Act) -> StepOutcome:
        if isinstance(act, Settle):
            return act.outcome
        attempts.append(act.attempt)
        return answers[act.attempt - 1]

    async def sleep(seconds: float) -> None:
        if seconds != step.timeout_s:
            sleeps.append(seconds)
        await asyncio.sleep(seconds)

    await interpret(plan_of(step), call, sleep)
    return sleeps, attempts


def test_the_pause_doubles_between_attempts_and_ends_with_them() -> None:
    again = StepOutcome(state=StepState.FAILED, retryable=True)
    step = Step(id="s", kind="set", name="s", attempts=4, backoff_s=0.5)
    assert at_once(_recorded_sleeps(step, [again] * 4)) == ([0.5, 1.0, 2.0], [1, 2, 3, 4])


def test_what_cannot_get_better_is_not_tried_again() -> None:
    for_good = StepOutcome(state=StepState.FAILED)
    step = Step(id="s", kind="set", name="s", attempts=4)
    assert at_once(_recorded_sleeps(step, [for_good])) == ([], [1])


def test_an_act_past_its_limit_is_ended_before_the_next_begins() -> None:
    alive: list[int] = []
    at_most: list[int] = []

    async def call(act: Act) -> StepOutcome:
        if isinstance(act, Settle):
            return act.outcome
        alive.append(act.attempt)
        at_most.append(len(alive))
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(7)  # its children take their time to die
            alive.remove(act.attempt)
        raise AssertionError

    step = Step(id="s", kind="set", name="s", attempts=3, timeout_s=5)
    ends = at_once(interpret(plan_of(step), call, asyncio.sleep))
    assert ends["s"].code == "step-timeout"
    assert at_most == [1, 1, 1]


def test_an_outcome_reached_while_being_stopped_counts() -> None:
    async def call(act: Act) -> StepOutcome:
        assert isinstance(act, Perform)
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            return DONE
        raise AssertionError

    step = Step(id="s", kind="set", name="s", timeout_s=5)
    ends = at_once(interpret(plan_of(step), call, asyncio.sleep))
    assert ends["s"] == DONE


@pytest.mark.parametrize("kind", [StaleLeaseError, StateError])
async def test_who_lost_the_run_or_its_memory_says_nothing(kind: type[StepError]) -> None:
    class Losing(World):
        async def apply(self, step: Step, action: Action) -> None:
            del step, action
            raise kind("no more")

    world = Losing()
    step = Step(id="s", kind="set", name="s")
    with pytest.raises(kind):
        await perform(step, 1, world, world, FakeAction())
    assert world.recorded == {}


@pytest.mark.parametrize("state", [StepState.DONE, StepState.FAILED, StepState.CANCELLED])
async def test_what_came_to_an_end_before_a_crash_is_not_even_looked_at(state: StepState) -> None:
    """A step whose world cannot tell, as a failed one, would be done once more."""
    ended = StepOutcome(state=state)
    world = World(recorded={"s": ended})
    step = Step(id="s", kind="set", name="s")
    assert await perform(step, 1, world, world, FakeAction()) == ended
    assert (world.points, world.effects) == (0, [])
