from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError, RemoteError
from lastgood.model.plan import CommitLine
from lastgood.ports.spec import DriverSpec, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.route import Route
    from lastgood.ports.deploy import Deployer

Make = Callable[..., "Deployer"]
NOBODY = 65534


async def survey(deployer: Deployer, target: str = "aaaa", drop: str | None = None) -> Route:
    [route] = await deployer.survey(target, "bbbb", drop)
    return route


async def codes(deployer: Deployer, target: str = "aaaa") -> set[str]:
    route = await survey(deployer, target)
    assert all(problem.what for problem in route.problems)
    return {problem.code for problem in route.problems}


def point(folder: Path, target: str | Path) -> None:
    (folder / "current").unlink()
    (folder / "current").symlink_to(target)


async def test_a_kept_release_can_be_had(deployer: Make) -> None:
    route = await survey(deployer(restart=("true",)))
    assert not route.problems
    assert not route.warnings
    assert (route.origin, route.target, route.method) == ("bbbb", "aaaa", "artifact")
    assert (route.service, route.driver, route.needs_version) == ("frontend", "releases", False)
    assert route.typical_s > (await survey(deployer())).typical_s


async def test_a_vanished_release_says_which_are_left(deployer: Make, folder: Path) -> None:
    shutil.rmtree(folder / "releases" / "aaaa")
    [problem] = (await survey(deployer())).problems
    assert problem.code == "release-vanished"
    assert "bbbb, cccc" in problem.mend
    assert "--to" in problem.mend
    assert "--method" in problem.mend


async def test_an_unfinished_release_is_no_target(deployer: Make, folder: Path) -> None:
    (folder / "releases" / "dddd").mkdir()
    for name in ("eeee.partial", "ffff.tmp"):
        (folder / "releases" / name).mkdir()
        (folder / "releases" / name / "index.html").write_text("half", encoding="utf-8")
    for name in ("dddd", "eeee.partial", "ffff.tmp"):
        assert await codes(deployer(), name) == {"release-unfinished"}
    assert [release.commit for release in await deployer().found()] == ["cccc", "bbbb", "aaaa"]


async def test_a_file_is_no_release(deployer: Make, folder: Path) -> None:
    (folder / "releases" / "dddd").write_text("no directory", encoding="utf-8")
    assert await codes(deployer(), "dddd") == {"release-vanished"}


async def test_a_release_behind_a_symlink_is_refused(
    deployer: Make, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(folder / "releases" / "aaaa", outside)
    (folder / "releases" / "dddd").symlink_to(outside)
    assert await codes(deployer(), "dddd") == {"outside-path"}
    (folder / "releases").rename(tmp_path / "moved")
    (folder / "releases").symlink_to(tmp_path / "moved")
    assert await codes(deployer()) == {"outside-path"}
    assert await deployer().current() is None
    assert await deployer().found() == []


@pytest.mark.parametrize(
    "target", ["/etc", "../outside", "releases", ".", "releases/a/b", "current", "/", "releases/.x"]
)
async def test_a_link_that_leads_elsewhere_is_refused(
    deployer: Make, folder: Path, target: str
) -> None:
    point(folder, target)
    assert await codes(deployer()) == {"outside-path"}
    assert await deployer().current() is None


@pytest.mark.parametrize(
    "form", ["{0}/releases/bbbb", "./releases/bbbb/", "releases/../releases/bbbb"]
)
async def test_the_link_may_be_written_in_any_way(deployer: Make, folder: Path, form: str) -> None:
    point(folder, form.format(folder))
    assert await deployer().current() == "bbbb"
    assert await codes(deployer()) == set()


async def test_a_path_that_is_a_symlink_itself_is_followed(
    deployer: Make, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(folder)
    assert await deployer(path=tmp_path / "alias").current() == "bbbb"
    assert await codes(deployer(path=Path("alias"))) == set()


async def test_a_real_directory_in_the_place_of_the_link(deployer: Make, folder: Path) -> None:
    (folder / "current").unlink()
    shutil.copytree(folder / "releases" / "bbbb", folder / "current")
    assert await codes(deployer()) == {"current-no-link"}
    assert await deployer().current() is None


async def test_a_file_in_the_place_of_the_link(deployer: Make, folder: Path) -> None:
    (folder / "current").unlink()
    (folder / "current").write_text("bbbb", encoding="utf-8")
    assert await codes(deployer()) == {"unreadable"}


async def test_a_dangling_link_can_be_mended_by_a_flip(deployer: Make, folder: Path) -> None:
    shutil.rmtree(folder / "releases" / "bbbb")
    route = await survey(deployer())
    assert not route.problems
    assert [warning.code for warning in route.warnings] == ["live-vanished"]
    assert route.origin == "bbbb"
    assert "release-vanished" in await codes(deployer(), "bbbb")


async def test_no_folder_at_all(deployer: Make, tmp_path: Path) -> None:
    nowhere = deployer(path=tmp_path / "nowhere")
    assert await codes(nowhere) == {"release-vanished", "path-missing"}
    assert await nowhere.current() is None
    assert await nowhere.found() == []


async def test_a_first_deployment_has_no_origin(deployer: Make, folder: Path) -> None:
    (folder / "current").unlink()
    route = await survey(deployer())
    assert not route.problems
    assert route.origin is None


@pytest.fixture
def closed() -> Iterator[Path]:
    """A service's folder that may be read and not written, in the shoes of nobody."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        (path / "releases" / "aaaa").mkdir(parents=True)
        (path / "releases" / "aaaa" / "index.html").write_text("aaaa", encoding="utf-8")
        (path / "releases" / "bbbb").mkdir()
        (path / "current").symlink_to("releases/bbbb")
        path.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        yield path
        if root:
            os.seteuid(0)
        path.chmod(0o755)


async def test_no_permission_to_write(deployer: Make, closed: Path) -> None:
    [problem] = (await survey(deployer(path=closed))).problems
    assert problem.code == "not-writable"
    assert str(closed) in problem.what
    assert problem.mend


async def test_nothing_can_be_dropped_from_a_built_release(deployer: Make) -> None:
    route = await survey(deployer(), drop="bbbb")
    assert [problem.code for problem in route.problems] == ["cannot-drop"]


async def test_another_version_was_expected_to_run(deployer: Make) -> None:
    [route] = await deployer().survey("aaaa", "cccc")
    assert [warning.code for warning in route.warnings] == ["live-differs"]
    assert route.origin == "bbbb"


@pytest.mark.parametrize("revision", ["aaaa", "aaaa1111"])
async def test_a_unique_beginning_is_enough(deployer: Make, folder: Path, revision: str) -> None:
    (folder / "releases" / "aaaa").rename(folder / "releases" / "aaaa11112222")
    assert await deployer().resolve(revision) == "aaaa11112222"


async def test_an_ambiguous_or_short_beginning_is_refused(deployer: Make, folder: Path) -> None:
    shutil.copytree(folder / "releases" / "aaaa", folder / "releases" / "aaaab")
    assert await deployer().resolve("aaaa") == "aaaa"
    (folder / "releases" / "aaaa").rename(folder / "releases" / "aaaac")
    for revision in ("aaaa", "bbb", "zzzz"):
        with pytest.raises(RefusedError) as refusal:
            await deployer().resolve(revision)
        assert refusal.value.code == "unknown-revision"


class History:
    """As much of a repository as the driver reads."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[tuple[object, ...]] = []

    def _ask(self, *question: object) -> None:
        self.asked.append(question)
        if self.error:
            raise self.error

    async def resolve(self, revision: str) -> str:
        self._ask("resolve", revision)
        return "cccc"

    async def between(self, old: str, new: str, paths: Sequence[str]) -> Sequence[CommitLine]:
        self._ask("between", old, new, tuple(paths))
        return [CommitLine(commit="bbbb", subject="a later change")]

    async def changed(self, old: str, new: str, paths: Sequence[str]) -> Sequence[str]:
        self._ask("changed", old, new, tuple(paths))
        return ["web/migrations/2.py"]

    async def same_content(self, one: str, other: str, paths: Sequence[str]) -> bool:
        self._ask("same", one, other, tuple(paths))
        return True


async def test_git_tells_what_goes_with_the_move(deployer: Make) -> None:
    history = History()
    built = deployer(repository=history, paths=("web",), migrations="web/migrations")
    route = await survey(built)
    assert [commit.commit for commit in route.dropped] == ["bbbb"]
    assert route.migrations == ("web/migrations/2.py",)
    assert await built.same("dddd", "aaaa")
    assert await built.resolve("v1.0") == "cccc"
    assert history.asked == [
        ("between", "aaaa", "bbbb", ("web",)),
        ("changed", "aaaa", "bbbb", ("web/migrations",)),
        ("same", "dddd", "aaaa", ("web",)),
        ("resolve", "v1.0"),
    ]


async def test_no_answer_from_git_stops_no_rollback(deployer: Make, folder: Path) -> None:
    (folder / "releases" / "aaaa").rename(folder / "releases" / "aaaa1111")
    built = deployer(repository=History(RemoteError("the remote hangs")))
    route = await survey(built, "aaaa1111")
    assert not route.problems
    assert [warning.code for warning in route.warnings] == ["history-unread"]
    assert await built.resolve("aaaa1") == "aaaa1111"
    assert await built.resolve("bbbb") == "bbbb"
    with pytest.raises(RemoteError, match="the remote hangs"):
        await built.resolve("v1.0")


async def test_what_git_refuses_is_refused(deployer: Make) -> None:
    built = deployer(repository=History(RefusedError("no such tag", code="unknown-revision")))
    with pytest.raises(RefusedError, match="no such tag"):
        await built.resolve("v1.0")


def test_the_spec_names_what_is_there() -> None:
    spec = resolve("lastgood.drivers.deploy.releases.spec:SPEC")
    assert isinstance(spec, DriverSpec)
    assert callable(resolve(spec.options))
    assert callable(resolve(spec.factory))
