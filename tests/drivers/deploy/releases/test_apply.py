from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from lastgood.errors import StepError
from lastgood.model.run import StepState
from lastgood.testing.action import FakeAction
from lastgood.testing.deploy import bring_about, plan_move

if TYPE_CHECKING:
    from lastgood.model.plan import Move
    from lastgood.ports.deploy import Deployer

Make = Callable[..., "Deployer"]


def live(folder: Path) -> str:
    return (folder / "current" / "index.html").read_text(encoding="utf-8")


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def refused(deployer: Deployer, move: Move) -> StepError:
    with pytest.raises(StepError) as failure:
        await bring_about(deployer, move, FakeAction())
    assert failure.value.mend
    return failure.value


def counting(folder: Path, rest: str = "") -> tuple[str, ...]:
    """A command that counts how often it ran."""
    return ("sh", "-c", f"echo done >>{folder.parent}/count; {rest}")


def count(folder: Path) -> int:
    try:
        return len((folder.parent / "count").read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return 0


async def test_the_first_deployment_makes_the_link(deployer: Make, folder: Path) -> None:
    (folder / "current").unlink()
    outcome = await bring_about(deployer(), await plan_move(deployer(), "aaaa"), FakeAction())
    assert outcome.state is StepState.DONE
    assert outcome.detail == {"artifact": str(folder / "releases" / "aaaa")}
    assert (folder / "current").readlink() == Path("releases/aaaa")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("releases/bbbb", "releases/aaaa"),
        ("{0}/releases/bbbb/", "{0}/releases/aaaa"),
        ("../service/releases/bbbb", "../service/releases/aaaa"),
        ("alias", "releases/aaaa"),
    ],
)
async def test_the_link_stays_written_as_it_was(
    deployer: Make, folder: Path, before: str, after: str
) -> None:
    (folder / "alias").symlink_to("releases/bbbb")
    (folder / "current").unlink()
    (folder / "current").symlink_to(before.format(folder))
    await bring_about(deployer(), await plan_move(deployer(), "aaaa"), FakeAction())
    assert str((folder / "current").readlink()) == after.format(folder)


async def test_readers_never_see_nothing(deployer: Make, folder: Path) -> None:
    stop = threading.Event()
    failures: list[OSError] = []
    seen: set[str] = set()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(live(folder))
            except OSError as error:
                failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for target in ("aaaa", "bbbb") * 20:
            await bring_about(deployer(), await plan_move(deployer(), target), FakeAction())
    finally:
        stop.set()
        reader.join()
    assert not failures
    assert seen <= {"aaaa", "bbbb"}


async def test_rubbish_of_a_killed_flip_is_in_nobodys_way(deployer: Make, folder: Path) -> None:
    (folder / ".current.lastgood").symlink_to("releases/cccc")
    await bring_about(deployer(), await plan_move(deployer(), "aaaa"), FakeAction())
    assert listing(folder) == ["current", "releases"]


async def test_vanished_since_the_plan(deployer: Make, folder: Path) -> None:
    built = deployer(restart=counting(folder), drain=counting(folder))
    move = await plan_move(built, "aaaa")
    shutil.rmtree(folder / "releases" / "aaaa")
    assert (await refused(built, move)).code == "release-vanished"
    assert live(folder) == "bbbb"
    assert count(folder) == 0
    assert listing(folder) == ["current", "releases"]


async def test_vanished_after_the_flip(deployer: Make, folder: Path) -> None:
    built = deployer()
    move = await plan_move(built, "aaaa")
    await bring_about(built, move, FakeAction())
    shutil.rmtree(folder / "releases" / "aaaa")
    assert await built.inspect(move) is None
    assert (await refused(built, move)).code == "release-vanished"


async def test_put_back_by_somebody_after_the_flip(deployer: Make, folder: Path) -> None:
    built = deployer()
    move = await plan_move(built, "aaaa")
    await built.apply(move, FakeAction())
    (folder / "current").unlink()
    (folder / "current").symlink_to("releases/cccc")
    with pytest.raises(StepError) as failure:
        await built.confirm(move, FakeAction())
    assert failure.value.code == "changed-meanwhile"
    assert "cccc" in failure.value.cause


async def test_a_flip_while_the_old_release_drains_is_seen(deployer: Make, folder: Path) -> None:
    colleague = f"ln -sfn releases/cccc {folder}/current"
    built = deployer(drain=("sh", "-c", colleague))
    assert (await refused(built, await plan_move(built, "aaaa"))).code == "changed-meanwhile"
    assert live(folder) == "cccc"


async def test_a_drain_that_fails_changes_nothing(deployer: Make, folder: Path) -> None:
    built = deployer(drain=("sh", "-c", "echo still serving >&2; exit 4"))
    failure = await refused(built, await plan_move(built, "aaaa"))
    assert failure.code == "drain-failed"
    assert "still serving" in failure.cause
    assert live(folder) == "bbbb"
    assert listing(folder) == ["current", "releases"]


async def test_a_restart_that_hangs_is_killed_and_stays_owed(deployer: Make, folder: Path) -> None:
    hung = deployer(restart=counting(folder, "exec sleep 600"), restart_timeout=0.5)
    move = await plan_move(hung, "aaaa")
    failure = await refused(hung, move)
    assert (failure.code, failure.retryable) == ("restart-failed", True)
    assert live(folder) == "aaaa"
    assert await hung.inspect(move) is None
    route = (await hung.survey("aaaa", None))[0]
    assert not route.problems
    assert [warning.code for warning in route.warnings] == ["restart-owed"]
    mended = deployer(restart=counting(folder))
    await bring_about(mended, move, FakeAction())
    await bring_about(mended, move, FakeAction())
    assert count(folder) == 2


async def test_nobody_says_what_runs_while_a_restart_is_owed(deployer: Make) -> None:
    built = deployer(restart=("false",))
    await refused(built, await plan_move(built, "aaaa"))
    [route] = await built.survey("cccc", None)
    [owed] = [warning for warning in route.warnings if warning.code == "restart-owed"]
    assert "aaaa" in owed.what
    assert owed.mend
    assert await built.current() is None, "the old processes may still be there"
    assert await deployer().current() == "aaaa", "without a restart nothing is owed"


async def test_what_is_live_is_restarted_for_an_instance_that_keeps_another(
    deployer: Make, folder: Path
) -> None:
    built = deployer(drain=("false",), restart=counting(folder))
    [route] = await built.survey("bbbb", "aaaa")
    assert not route.problems
    assert {p.code for p in (await deployer().survey("bbbb", "aaaa"))[0].problems} == {
        "nothing-to-do"
    }
    move = msgspec.structs.replace(await plan_move(built, "aaaa"), origin="bbbb", target="bbbb")
    await bring_about(built, move, FakeAction())
    assert (count(folder), live(folder)) == (1, "bbbb")


async def test_a_restart_that_does_not_exist_is_not_tried_again(deployer: Make) -> None:
    built = deployer(restart=("no-such-command",))
    failure = await refused(built, await plan_move(built, "aaaa"))
    assert (failure.code, failure.retryable) == ("restart-failed", False)


async def test_a_restart_owed_to_another_release_does_not_matter(
    deployer: Make, folder: Path
) -> None:
    failing = deployer(restart=("false",))
    await refused(failing, await plan_move(failing, "aaaa"))
    built = deployer(restart=counting(folder))
    move = await plan_move(built, "cccc")
    await bring_about(built, move, FakeAction())
    assert count(folder) == 1
    assert live(folder) == "cccc"
    assert "nothing-to-do" in {p.code for p in (await built.survey("cccc", None))[0].problems}


async def test_the_note_does_not_follow_a_symlink_out(
    deployer: Make, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (folder / ".lastgood").symlink_to(tmp_path / "outside")
    built = deployer(restart=("true",))
    failure = await refused(built, await plan_move(built, "aaaa"))
    assert failure.code == "flip-failed"
    assert live(folder) == "bbbb"
    assert listing(tmp_path / "outside") == []


async def test_no_room_for_the_symlink(
    deployer: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    move = await plan_move(deployer(), "aaaa")
    monkeypatch.setattr(Path, "symlink_to", full)
    failure = await refused(deployer(), move)
    assert (failure.code, failure.retryable) == ("flip-failed", True)
    assert "No space left" in failure.cause
    assert "bbbb is live" in failure.message
    assert live(folder) == "bbbb"
    monkeypatch.undo()
    await bring_about(deployer(), move, FakeAction())
    assert live(folder) == "aaaa"


async def test_no_room_for_the_note(deployer: Make, folder: Path) -> None:
    built = deployer(restart=counting(folder))
    move = await plan_move(built, "aaaa")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        failure = await refused(built, move)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert failure.code == "flip-failed"
    assert live(folder) == "bbbb"
    assert count(folder) == 0
    await bring_about(built, move, FakeAction())
    assert (live(folder), count(folder)) == ("aaaa", 1)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system on which nothing new can be made once it is filled."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k,nr_inodes=16", "tmpfs", str(path)]
    if os.geteuid() != 0 or mount is None:
        pytest.skip("a tiny file system can only be mounted by root")
    if subprocess.run([mount, *options], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody mount a file system")
    yield path
    subprocess.run(["umount", str(path)], check=True)


async def test_a_disk_that_is_really_full(deployer: Make, tiny_disk: Path) -> None:
    for name in ("aaaa", "bbbb"):
        (tiny_disk / "releases" / name).mkdir(parents=True)
        (tiny_disk / "releases" / name / "index.html").write_text(name, encoding="utf-8")
    (tiny_disk / "current").symlink_to("releases/bbbb")
    built = deployer(path=tiny_disk)
    move = await plan_move(built, "aaaa")
    fillers = []
    for number in range(100):
        filler = tiny_disk / f"filler-{number}"
        try:
            filler.symlink_to("x")
        except OSError:
            break
        fillers.append(filler)
    failure = await refused(built, move)
    assert failure.code == "flip-failed"
    assert "No space left" in failure.cause
    assert live(tiny_disk) == "bbbb"
    fillers[0].unlink()
    await bring_about(built, move, FakeAction())
    assert live(tiny_disk) == "aaaa"


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from lastgood.drivers.deploy.releases.driver import make
from lastgood.drivers.deploy.releases.options import ReleasesOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.testing.action import FakeAction
from lastgood.testing.deploy import bring_about, plan_move

folder, last = Path(sys.argv[1]), int(sys.argv[2])
restart = ("sh", "-c", f"echo done >>{folder.parent}/count")

class Dying(FakeAction):
    def fence(self):
        super().fence()
        if self.fences == last:
            os.kill(os.getpid(), signal.SIGKILL)

action = Dying()
toolbox = Toolbox(environment="production", name="frontend", base=folder.parent,
                  state=folder.parent, children=action.children)
deployer = make(ReleasesOptions(path=folder, restart=restart), toolbox)

async def main():
    await bring_about(deployer, await plan_move(deployer, "aaaa"), action)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("fence", "flipped", "restarts"),
    [(1, False, 0), (2, False, 0), (3, True, 0), (4, True, 1)],
    ids=["before-note", "before-flip", "before-restart", "after-restart"],
)
async def test_killed_it_is_done_again(
    deployer: Make, folder: Path, *, fence: int, flipped: bool, restarts: int
) -> None:
    built = deployer(restart=counting(folder))
    move = await plan_move(built, "aaaa")
    command = [sys.executable, "-c", KILLED, str(folder), str(fence)]
    ended = subprocess.run(command, check=False, timeout=60)  # noqa: ASYNC221 - nothing else runs
    assert ended.returncode == -signal.SIGKILL
    assert live(folder) == ("aaaa" if flipped else "bbbb")
    assert count(folder) == restarts
    assert await built.inspect(move) is None
    await bring_about(built, move, FakeAction())
    await bring_about(built, move, FakeAction())
    assert live(folder) == "aaaa"
    assert count(folder) == restarts + 1
