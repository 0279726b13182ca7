"""What every deploy driver must hold to, as tests that run on real parts.

Derive a test class and give it the fixture `make_scene`:

    class TestReleases(DeployerConformance):
        @pytest.fixture
        def make_scene(self, tmp_path: Path) -> SceneMaker:
            ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from lastgood.errors import LastgoodError, RefusedError, StaleLeaseError, StepError
from lastgood.model.plan import Move
from lastgood.model.run import StepState
from lastgood.testing.action import FakeAction
from lastgood.testing.interruption import cancelled_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.route import Route
    from lastgood.model.run import StepOutcome
    from lastgood.ports.deploy import Deployer

HOSTILE_NAMES = (
    "",
    ".",
    "..",
    "-rf",
    "--help",
    ".hidden",
    "../outside",
    "/etc",
    "a b",
    "a\nb",
    "a\0b",
    "\x1b[31mred\x1b[0m",
    "x;touch pwned",
    "$(touch pwned)",
    "{commit}",
    "HEAD^{/x}",
    "\u202egnp",
    "\udcff",
    "a" * 5000,
)
"""Revisions that no driver may follow, run or print as they are."""

MOST_WAITS = 400
"""A driver that waits more often than this while it acts is taken to hang."""


class Scene(Protocol):
    """A service with the releases A, B and C, made one after the other, of which B is live.

    Attributes:
        deployer: the driver under test.
        a: the name of release A, as the driver knows it; likewise `b` and `c`.
        knows_releases: whether the driver can tell that a release does not exist.
        faults: names of ways in which the other side can die while it is told to act.
    """

    deployer: Deployer
    a: str
    b: str
    c: str
    knows_releases: bool
    faults: Sequence[str]

    async def runs(self, release: str) -> bool:
        """Whether what is live has that release's content, looked at past the driver."""

    async def effects(self) -> int:
        """How often something that matters was done so far: a deployment, a restart, a push."""

    async def state(self) -> object:
        """Everything that reading must leave alone, to be compared."""

    async def meanwhile(self, release: str) -> None:
        """A colleague puts a release live by other means."""

    async def plant(self, fault: str) -> None:
        """Let the other side die in that way, once, the next time it is told to act."""


SceneMaker = Callable[[], Awaitable[Scene]]
"""Makes a new scene each time it is called."""


async def plan_move(deployer: Deployer, target: str) -> Move:
    """The move by the first route that can be taken, as a planner would choose it."""
    routes = await deployer.survey(target, await deployer.current())
    route = next(route for route in routes if not route.problems)
    return _move(route)


async def bring_about(deployer: Deployer, move: Move, action: FakeAction) -> StepOutcome:
    """Do a move as a step does: look first, act, show."""
    done = await deployer.inspect(move)
    if done is None:
        await deployer.apply(move, action)
        done = await deployer.confirm(move, action)
    return done


class DeployerConformance:
    """The suite. Each test makes its own scenes."""

    async def test_reading_changes_nothing(self, make_scene: SceneMaker) -> None:
        """Every reading method may be called at any time, with anything."""
        scene = await make_scene()
        deployer = scene.deployer
        move = await plan_move(deployer, scene.a)
        before = await scene.state()
        for _ in range(2):
            await deployer.current()
            await deployer.found()
            await deployer.inspect(move)
            await deployer.resolve(scene.c)
            await deployer.survey(scene.c, scene.b)
            await deployer.survey(scene.a, None)
            await deployer.survey(scene.a, scene.b, drop=scene.b)
            assert await deployer.same(scene.a, scene.a)
            assert not await deployer.same(scene.a, scene.b)
        assert await scene.state() == before
        assert await scene.effects() == 0

    async def test_a_release_resolves_to_itself(self, make_scene: SceneMaker) -> None:
        """A full name is a revision."""
        scene = await make_scene()
        for release in (scene.a, scene.b, scene.c):
            assert await scene.deployer.resolve(release) == release

    async def test_the_live_release_is_nothing_to_do(self, make_scene: SceneMaker) -> None:
        """No route may be taken to where one is already."""
        scene = await make_scene()
        routes = await scene.deployer.survey(scene.b, scene.b)
        assert routes
        for route in routes:
            assert "nothing-to-do" in {problem.code for problem in route.problems}

    async def test_an_unknown_revision_is_refused(self, make_scene: SceneMaker) -> None:
        """With a code that programs understand."""
        scene = await make_scene()
        if not scene.knows_releases:
            return
        unknown = "0123456789abcdef0123456789abcdef01234567"
        refusal = await _error(scene.deployer.resolve(unknown))
        assert isinstance(refusal, RefusedError)
        assert refusal.code == "unknown-revision"
        assert refusal.mend
        assert await _is_refused(scene.deployer, unknown)

    async def test_hostile_names_are_refused_everywhere(self, make_scene: SceneMaker) -> None:
        """They are neither followed, nor run, nor printed as they are."""
        scene = await make_scene()
        before = await scene.state()
        live = await plan_move(scene.deployer, scene.a)
        for name in HOSTILE_NAMES:
            refusal = await _error(scene.deployer.resolve(name))
            assert isinstance(refusal, RefusedError), f"{name!r} was resolved"
            assert _is_printable(str(refusal))
            assert await _is_refused(scene.deployer, name), f"{name!r} has a route"
            move = Move(
                service=live.service,
                origin=live.origin,
                target=name,
                method=live.method,
                driver=live.driver,
                base=live.base,
            )
            error = await _error(scene.deployer.apply(move, FakeAction()))
            assert isinstance(error, LastgoodError), f"{name!r} was applied"
            assert _is_printable(str(error))
        assert await scene.state() == before
        assert await scene.effects() == 0

    async def test_a_move_comes_to_its_end_once(self, make_scene: SceneMaker) -> None:
        """Done twice, everything that matters was done once."""
        scene = await make_scene()
        deployer = scene.deployer
        move = await plan_move(deployer, scene.a)
        assert await deployer.inspect(move) is None
        outcome = await bring_about(deployer, move, FakeAction())
        assert outcome.state is StepState.DONE
        assert await scene.runs(scene.a)
        effects = await scene.effects()
        assert effects > 0
        if deployer.tells_current:
            seen = await deployer.inspect(move)
            assert seen is not None
            assert seen.state is StepState.DONE
            assert seen.found_done
            await bring_about(deployer, move, FakeAction())
            assert await scene.effects() == effects
        await deployer.apply(move, FakeAction())
        await deployer.confirm(move, FakeAction())
        assert await scene.runs(scene.a)

    async def test_there_and_back(self, make_scene: SceneMaker) -> None:
        """An earlier visit does not count as the present one."""
        scene = await make_scene()
        for target in (scene.a, scene.b, scene.a):
            before = await scene.effects()
            move = await plan_move(scene.deployer, target)
            assert await scene.deployer.inspect(move) is None
            await bring_about(scene.deployer, move, FakeAction())
            assert await scene.runs(target)
            assert await scene.effects() > before

    async def test_current_is_what_runs(self, make_scene: SceneMaker) -> None:
        """Whoever put it there."""
        scene = await make_scene()
        deployer = scene.deployer
        if not deployer.tells_current:
            assert await deployer.current() is None
            return
        assert await deployer.current() == scene.b
        await bring_about(deployer, await plan_move(deployer, scene.a), FakeAction())
        assert await deployer.current() == scene.a
        await scene.meanwhile(scene.c)
        assert await deployer.current() == scene.c

    async def test_a_colleague_is_not_overrun(self, make_scene: SceneMaker) -> None:
        """What was put live after the plan was made stays live."""
        scene = await make_scene()
        move = await plan_move(scene.deployer, scene.a)
        await scene.meanwhile(scene.c)
        before = await scene.effects()
        if not scene.deployer.tells_current and move.base is None:
            return  # nobody could know
        error = await _error(bring_about(scene.deployer, move, FakeAction()))
        assert isinstance(error, StepError)
        assert error.code in {"changed-meanwhile", "push-race"}
        assert not error.retryable
        assert await scene.runs(scene.c)
        assert await scene.effects() == before

    async def test_nothing_is_done_without_the_lease(self, make_scene: SceneMaker) -> None:
        """Lost at the first look nothing is changed; lost later, the rest is not done."""
        for stale_at in range(1, MOST_WAITS):
            scene = await make_scene()
            move = await plan_move(scene.deployer, scene.a)
            before = await scene.state()
            action = FakeAction(stale_at=stale_at)
            error = await _error(bring_about(scene.deployer, move, action))
            if action.fences < stale_at:
                assert stale_at > 1, "the driver acts without looking at the lease"
                assert error is None
                return
            assert isinstance(error, StaleLeaseError)
            assert action.fences == stale_at, "the driver went on after the lease was lost"
            assert await scene.effects() < stale_at
            if stale_at == 1:
                assert await scene.state() == before
            await self._comes_to_its_end(scene, move)
        raise AssertionError("the driver looks at the lease without end")

    async def test_cancelled_anywhere_it_can_be_done_again(self, make_scene: SceneMaker) -> None:
        """At each place where it waits."""
        for wait in range(1, MOST_WAITS):
            scene = await make_scene()
            move = await plan_move(scene.deployer, scene.a)
            work = bring_about(scene.deployer, move, FakeAction())
            reached = await cancelled_at(work, wait)
            await self._comes_to_its_end(scene, move)
            if not reached:
                return
        raise AssertionError("the driver waits without end")

    async def test_the_other_side_may_die(self, make_scene: SceneMaker) -> None:
        """Each of its faults is an error or harmless, and can be made up for."""
        faults = (await make_scene()).faults
        for fault in faults:
            scene = await make_scene()
            move = await plan_move(scene.deployer, scene.a)
            await scene.plant(fault)
            error = await _error(bring_about(scene.deployer, move, FakeAction()))
            assert error is None or isinstance(error, StepError), f"{fault}: {error!r}"
            if error is None:
                assert await scene.runs(scene.a), f"{fault} was called a success"
            await self._comes_to_its_end(scene, move)

    async def test_pruning_spares_what_is_needed(self, make_scene: SceneMaker) -> None:
        """The protected and the running release stay, and stay deployable."""
        scene = await make_scene()
        deployer = scene.deployer
        move = await plan_move(deployer, scene.a)
        before = await scene.state()
        error = await _error(deployer.prune([scene.a], FakeAction(stale_at=1)))
        assert error is None or isinstance(error, StaleLeaseError)
        assert await scene.state() == before
        gone = await deployer.prune([scene.a], FakeAction())
        assert not {scene.a, scene.b} & set(gone)
        assert list(await deployer.prune([scene.a], FakeAction())) == []
        assert await scene.runs(scene.b)
        await bring_about(deployer, move, FakeAction())
        assert await scene.runs(scene.a)

    async def test_pruning_can_be_cancelled_anywhere(self, make_scene: SceneMaker) -> None:
        """What is half deleted is no release any more, and goes the next time."""
        whole = await make_scene()
        await whole.deployer.prune([whole.a], FakeAction())
        kept = len(await whole.deployer.found())
        for wait in range(1, MOST_WAITS):
            scene = await make_scene()
            reached = await cancelled_at(scene.deployer.prune([scene.a], FakeAction()), wait)
            await scene.deployer.prune([scene.a], FakeAction())
            assert len(await scene.deployer.found()) == kept
            assert await scene.runs(scene.b)
            if not reached:
                return
        raise AssertionError("pruning waits without end")

    async def _comes_to_its_end(self, scene: Scene, move: Move) -> None:
        """Done again after whatever happened: same end, nothing done more often than needed."""
        before = await scene.effects()
        outcome = await bring_about(scene.deployer, move, FakeAction())
        assert outcome.state is StepState.DONE
        assert await scene.runs(scene.a)
        effects = await scene.effects()
        assert 1 <= effects <= before + 1
        if scene.deployer.tells_current:
            await bring_about(scene.deployer, move, FakeAction())
            assert await scene.effects() == effects


def _move(route: Route) -> Move:
    return Move(
        service=route.service,
        origin=route.origin,
        target=route.target,
        method=route.method,
        driver=route.driver,
        route=route.index,
        base=route.base,
        drop=route.drop,
        dropped=route.dropped,
        migrations=route.migrations,
    )


async def _error(work: Awaitable[object]) -> LastgoodError | None:
    try:
        await work
    except LastgoodError as error:
        return error
    return None


async def _is_refused(deployer: Deployer, target: str) -> bool:
    """Whether no way to the target is offered."""
    try:
        routes = await deployer.survey(target, await deployer.current())
    except RefusedError:
        return True
    return all(route.problems for route in routes)


def _is_printable(text: str) -> bool:
    return all(sign.isprintable() or sign == "\n" for sign in text)
