from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError, StepError
from lastgood.testing.action import FakeAction

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.ports.deploy import Deployer

Make = Callable[..., "Deployer"]
NEWEST = 1_800_000_000


@pytest.fixture
def many(folder: Path) -> Path:
    """Ten more releases, `r0` the oldest and `r9` the newest; `bbbb` is live and oldest of all."""
    for age, name in enumerate(["r9", "r8", "r7", "r6", "r5", "r4", "r3", "r2", "r1", "r0"]):
        release = folder / "releases" / name
        release.mkdir()
        (release / "index.html").write_text(name, encoding="utf-8")
        os.utime(release, (NEWEST - age, NEWEST - age))
    for age, name in enumerate(["cccc", "aaaa", "bbbb"]):
        os.utime(folder / "releases" / name, (NEWEST - 100 - age, NEWEST - 100 - age))
    return folder


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "releases").iterdir())


async def test_the_newest_the_protected_and_the_live_stay(deployer: Make, many: Path) -> None:
    gone = await deployer(keep=3).prune({"r2", "aaaa"}, FakeAction())
    assert kept(many) == ["aaaa", "bbbb", "r2", "r7", "r8", "r9"]
    assert gone == ["cccc", "r0", "r1", "r3", "r4", "r5", "r6"]


async def test_what_was_found_is_newest_first(deployer: Make, many: Path) -> None:
    found = await deployer().found()
    assert [release.commit for release in found[:2]] == ["r9", "r8"]
    assert [release.commit for release in found if release.live] == ["bbbb"]
    assert found[0].artifact == str(many / "releases" / "r9")
    assert found[0].deployed_at is not None
    assert found[0].deployed_at.timestamp() == NEWEST


async def test_what_is_being_built_stays(deployer: Make, many: Path) -> None:
    building = [".hidden", "new.partial", "new.tmp", "empty"]
    for name in building:
        (many / "releases" / name).mkdir()
    (many / "releases" / "note.txt").write_text("no directory", encoding="utf-8")
    await deployer(keep=1).prune((), FakeAction())
    assert kept(many) == sorted([*building, "note.txt", "bbbb", "r9"])


async def test_symlinks_are_not_followed(deployer: Make, many: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "uploads").write_text("precious", encoding="utf-8")
    (many / "releases" / "r0" / "shared").symlink_to(outside)
    (many / "releases" / "link").symlink_to(outside)
    os.utime(many / "releases" / "r0", (NEWEST - 500, NEWEST - 500))
    gone = await deployer(keep=1).prune((), FakeAction())
    assert "r0" in gone
    assert (many / "releases" / "link").is_symlink()
    assert (outside / "uploads").read_text(encoding="utf-8") == "precious"


async def test_nothing_goes_while_nobody_knows_what_is_live(deployer: Make, many: Path) -> None:
    (many / "current").unlink()
    before = kept(many)
    with pytest.raises(RefusedError) as refusal:
        await deployer(keep=1).prune((), FakeAction())
    assert refusal.value.code == "live-unknown"
    assert kept(many) == before


async def test_what_was_begun_is_finished(deployer: Make, many: Path) -> None:
    (many / "releases" / "r0").rename(many / "releases" / ".lastgood-removed-r0")
    assert await deployer(keep=20).prune((), FakeAction()) == ["r0"]
    assert ".lastgood-removed-r0" not in kept(many)


async def test_a_release_that_goes_live_meanwhile_stays(deployer: Make, many: Path) -> None:
    class Colleague(FakeAction):
        def fence(self) -> None:
            super().fence()
            (many / "current").unlink()
            (many / "current").symlink_to("releases/cccc")

    await deployer(keep=10).prune({"bbbb"}, Colleague())
    assert "cccc" in kept(many)
    assert "aaaa" not in kept(many)


async def test_what_cannot_be_deleted_is_an_error_and_no_target(
    deployer: Make, many: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A `find` that fails stands for a directory that not even root may delete.
    find = tmp_path / "find"
    find.write_text("#!/bin/sh\necho Operation not permitted >&2\nexit 1\n", encoding="utf-8")
    find.chmod(0o755)
    with monkeypatch.context() as path:
        path.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with pytest.raises(StepError) as failure:
            await deployer(keep=11).prune((), FakeAction())
    assert failure.value.code == "prune-failed"
    assert "Operation not permitted" in failure.value.cause
    assert "aaaa" not in {release.commit for release in await deployer().found()}
    assert await deployer(keep=11).prune((), FakeAction()) == ["aaaa"]
    assert "aaaa" not in kept(many)
