from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from pydantic import ValidationError

from lastgood.drivers.deploy.command import options
from lastgood.drivers.deploy.command.options import CommandOptions
from lastgood.errors import RefusedError, RemoteError, StepError
from lastgood.model.plan import CommitLine
from lastgood.model.run import StepState
from lastgood.ports.spec import DriverSpec, resolve
from lastgood.testing.action import FakeAction
from lastgood.testing.deploy import bring_about, plan_move

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import Move
    from lastgood.ports.deploy import Deployer

Make = Callable[..., "Deployer"]
FULL = "a" * 40


def live(home: Path) -> str:
    return (home / "live").read_text(encoding="utf-8")


def deployments(home: Path) -> int:
    log = home / "log"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def plant(home: Path, name: str, kind: str) -> None:
    (home / name).write_text(kind, encoding="utf-8")


async def failure(deployer: Deployer, move: Move) -> StepError:
    with pytest.raises(StepError) as raised:
        await bring_about(deployer, move, FakeAction())
    assert raised.value.mend
    return raised.value


async def test_the_tool_is_told_exactly_one_word(deployer: Make, home: Path) -> None:
    built = deployer(home, wait=True)
    await bring_about(built, await plan_move(built, "a+b.c_d"), FakeAction())
    assert (home / "log").read_text(encoding="utf-8") == "['a+b.c_d']\n"
    assert (home / "waited").read_text(encoding="utf-8") == "--for=a+b.c_d\n"


async def test_a_tool_that_says_yes_and_does_nothing(deployer: Make, home: Path) -> None:
    built = deployer(home)
    move = await plan_move(built, "aaaa")
    plant(home, "fault", "always-lie")
    error = await failure(built, move)
    assert (error.code, error.retryable) == ("unchanged", False)
    assert "bbbb runs" in error.cause
    assert await built.inspect(move) is None


async def test_a_tool_that_fails_is_quoted(deployer: Make, home: Path) -> None:
    built = deployer(home)
    plant(home, "fault", "fail")
    error = await failure(built, await plan_move(built, "aaaa"))
    assert (error.code, error.retryable) == ("deploy-failed", True)
    assert "the registry is down" in error.cause
    assert "tool.py" in error.mend
    assert live(home) == "bbbb"


async def test_a_tool_that_hangs_is_killed(deployer: Make, home: Path) -> None:
    built = deployer(home, deploy_timeout=1.0)
    move = await plan_move(built, "aaaa")
    plant(home, "fault", "hang")
    error = await failure(built, move)
    assert (error.code, error.retryable) == ("deploy-failed", True)
    assert live(home) == "bbbb"
    await bring_about(deployer(home), move, FakeAction())
    assert deployments(home) == 1


async def test_a_tool_that_is_not_there_is_not_tried_again(deployer: Make, home: Path) -> None:
    built = deployer(home, deploy=("no-such-tool", "{commit}"))
    error = await failure(built, await plan_move(built, "aaaa"))
    assert (error.code, error.retryable) == ("deploy-failed", False)


async def test_waiting_in_vain_fails(deployer: Make, home: Path) -> None:
    built = deployer(home, wait=("sh", "-c", "echo two of five are old >&2; exit 1"))
    error = await failure(built, await plan_move(built, "aaaa"))
    assert error.code == "wait-failed"
    assert "two of five are old" in error.cause


async def test_what_was_waited_for_in_vain_is_not_done(deployer: Make, home: Path) -> None:
    waiting = deployer(home, wait=("sh", "-c", f"test -e {home}/all-new"))
    move = await plan_move(waiting, "aaaa")
    assert (await failure(waiting, move)).code == "wait-failed"
    assert live(home) == "aaaa"
    assert await waiting.inspect(move) is None
    (home / "all-new").touch()
    assert await waiting.inspect(move) is not None


async def test_what_runs_is_deployed_once_more_for_an_instance_that_keeps_another(
    deployer: Make, home: Path
) -> None:
    built = deployer(home)
    [route] = await built.survey("bbbb", "aaaa")
    assert not route.problems
    move = msgspec.structs.replace(await plan_move(built, "aaaa"), origin="bbbb", target="bbbb")
    await bring_about(built, move, FakeAction())
    assert deployments(home) == 1


async def test_a_tool_that_gives_a_short_commit_its_full_name(deployer: Make, home: Path) -> None:
    """On the first night somebody types eight characters, and no repository is configured."""
    full = "365cd87e155f0a9c3b84d72e61f5980ab3c4d5e7"
    built = deployer(home, deploy=("sh", "-c", f"printf %s {full} >{home}/live", "{commit}"))
    move = await plan_move(built, full[:8])
    outcome = await bring_about(built, move, FakeAction())
    assert (outcome.state, outcome.detail) == ("done", {"version": full})
    found = await built.inspect(move)
    assert found is not None
    assert (found.found_done, found.detail) == (True, {"version": full})
    again = (await built.survey(full[:8], full))[0]
    assert [problem.code for problem in again.problems] == ["nothing-to-do"]


async def test_a_tool_that_is_late_is_waited_for(deployer: Make, home: Path) -> None:
    late = f'(sleep 0.7; printf %s "$0" >{home}/live) >/dev/null 2>&1 &'
    built = deployer(home, deploy=("setsid", "sh", "-c", late, "{commit}"), confirm_timeout=30.0)
    outcome = await bring_about(built, await plan_move(built, "aaaa"), FakeAction())
    assert outcome.state == "done"
    assert live(home) == "aaaa"


@pytest.mark.parametrize("kind", ["fail", "hang", "huge", "hostile", "binary"])
async def test_a_tool_that_cannot_say_what_runs_stops_no_rollback(
    deployer: Make, home: Path, kind: str
) -> None:
    built = deployer(home, current_timeout=1.0 if kind == "hang" else 30.0)
    plant(home, "current-fault", kind)
    assert await built.current() is None
    assert await built.found() == []
    [route] = await built.survey("aaaa", "bbbb")
    assert not route.problems
    [warning] = route.warnings
    assert warning.code == "current-failed"
    assert warning.what.isprintable()
    assert len(warning.what) < 2000
    move = await plan_move(built, "aaaa")
    assert await built.inspect(move) is None
    error = await failure(built, move)
    assert error.code == "current-failed"
    assert live(home) == "aaaa"
    (home / "current-fault").unlink()
    await bring_about(built, move, FakeAction())
    assert deployments(home) == 1


async def test_nothing_runs_yet(deployer: Make, home: Path) -> None:
    (home / "live").unlink()
    built = deployer(home)
    assert await built.current() is None
    move = await plan_move(built, "aaaa")
    assert move.origin is None
    await bring_about(built, move, FakeAction())
    assert [(found.commit, found.live) for found in await built.found()] == [("aaaa", True)]


async def test_without_current_a_check_must_prove_it(deployer: Make, home: Path) -> None:
    [route] = await deployer(home, current=None).survey("aaaa", "bbbb")
    assert route.needs_version
    assert not deployer(home, current=None).tells_current
    assert not (await deployer(home).survey("aaaa", "bbbb"))[0].needs_version


async def test_nothing_can_be_dropped(deployer: Make, home: Path) -> None:
    [route] = await deployer(home).survey("aaaa", "bbbb", "bbbb")
    assert [problem.code for problem in route.problems] == ["cannot-drop"]


class Git:
    """As much of a repository as the driver reads."""

    def __init__(self, known: dict[str, str], error: Exception | None = None) -> None:
        self.known = known
        self.error = error

    async def resolve(self, revision: str) -> str:
        if self.error:
            raise self.error
        if revision not in self.known:
            raise RefusedError("no such revision", code="unknown-revision")
        return self.known[revision]

    async def between(self, old: str, new: str, paths: Sequence[str]) -> Sequence[CommitLine]:
        if self.error:
            raise self.error
        assert (old, new, tuple(paths)) == (FULL, "b" * 40, ("api",))
        return [CommitLine(commit="b" * 40, subject="a later change")]

    async def changed(self, old: str, new: str, paths: Sequence[str]) -> Sequence[str]:
        assert (old, new, tuple(paths)) == (FULL, "b" * 40, ("api/migrations",))
        return ["api/migrations/2.py"]

    async def same_content(self, one: str, other: str, paths: Sequence[str]) -> bool:
        return (one, other, tuple(paths)) == ("c" * 40, FULL, ("api",))


async def test_git_knows_the_short_names(deployer: Make, home: Path) -> None:
    git = Git({"v1": FULL, "bbbb": "b" * 40})
    built = deployer(home, repository=git, paths=("api",), migrations="api/migrations")
    assert await built.current() == "b" * 40
    assert await built.resolve("v1") == FULL
    [route] = await built.survey(FULL, None)
    assert route.origin == "b" * 40
    assert route.migrations == ("api/migrations/2.py",)
    assert [commit.commit for commit in route.dropped] == ["b" * 40]
    assert await built.same("c" * 40, FULL)
    assert not await built.same("d" * 40, FULL)
    with pytest.raises(RefusedError):
        await built.resolve("v2")


@pytest.mark.parametrize("with_git", [True, False])
async def test_a_tool_that_prints_short_names(
    deployer: Make, home: Path, *, with_git: bool
) -> None:
    """It is understood without git, and while git does not answer."""
    options = {"repository": Git({}, RemoteError("the remote hangs"))} if with_git else {}
    built = deployer(home, confirm_timeout=0.1, **options)
    (home / "live").write_text("b" * 40, encoding="utf-8")
    plant(home, "short", "")
    [route] = await built.survey("b" * 40, "b" * 40)
    assert [problem.code for problem in route.problems] == ["nothing-to-do"]
    move = await plan_move(built, FULL)
    outcome = await bring_about(built, msgspec.structs.replace(move, origin="b" * 40), FakeAction())
    assert outcome.state is StepState.DONE
    assert live(home) == FULL
    again = await built.inspect(move)
    assert again is not None
    assert again.found_done


async def test_a_whole_commit_needs_no_git(deployer: Make, home: Path) -> None:
    built = deployer(home, repository=Git({}, RemoteError("the remote hangs")))
    assert await built.resolve(FULL) == FULL
    assert await built.current() == "bbbb"
    with pytest.raises(RemoteError):
        await built.resolve("v1")


@pytest.mark.parametrize(
    "fault",
    [
        {"deploy": ["deploy"]},
        {"deploy": "deploy {commit}"},
        {"deploy": []},
        {"wait_timeout": 0},
        {"rollback": ["tool"]},
    ],
)
def test_nonsense_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CommandOptions.model_validate({"deploy": ["deploy", "{commit}"], **fault})


def test_each_option_is_in_the_readme_with_its_words() -> None:
    text = Path(options.__file__).with_name("README.md").read_text(encoding="utf-8")
    for name, field in CommandOptions.model_fields.items():
        assert f"| `{name}` |" in text
        assert field.description


def test_the_spec_names_what_is_there() -> None:
    spec = resolve("lastgood.drivers.deploy.command.spec:SPEC")
    assert isinstance(spec, DriverSpec)
    assert callable(resolve(spec.options))
    assert callable(resolve(spec.factory))
