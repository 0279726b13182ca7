from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import pytest

from lastgood.testing.deploy import DeployerConformance, Scene, SceneMaker
from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lastgood.ports.deploy import Deployer

# Each dies once, then the hook lets through.
FAULTS = {
    "refuses": ("pre-receive", "exit 1"),
    "dies-before": ("pre-receive", "kill -9 $PPID"),
    "dies-after": ("post-receive", "kill -9 $PPID"),
}


@dataclass
class GitScene:
    remote: GitRemote
    deployer: Deployer
    a: str
    b: str
    c: str
    written: int
    faults: Sequence[str] = tuple(FAULTS)
    knows_releases: bool = True

    async def runs(self, release: str) -> bool:
        paths = ("backend",)
        tip = self.remote.tip()
        return all(self.remote.files(tip, p) == self.remote.files(release, p) for p in paths)

    async def effects(self) -> int:
        return self.remote.count() - self.written

    async def state(self) -> object:
        return self.remote.refs()

    async def meanwhile(self, release: str) -> None:
        self.written += 1
        self.remote.commit({"backend/app": self.remote.read(release, "backend/app")})

    async def plant(self, fault: str) -> None:
        name, act = FAULTS[fault]
        self.remote.hook(name, f'rm -f "$0"; {act}')


def build_scene(place: Path, make_deployer: Callable[..., Deployer]) -> GitScene:
    remote = GitRemote(place)
    a = remote.commit({"backend/app": "a", "frontend/app": "1"})
    c = remote.commit({"backend/app": "c"}, branch="next", parents=[a])
    b = remote.commit({"backend/app": "b"})
    deployer = make_deployer(remote)
    return GitScene(remote=remote, deployer=deployer, a=a, b=b, c=c, written=remote.count())


@pytest.mark.timeout(600)  # a scene for each place where it can be cancelled
class TestGit(DeployerConformance):
    @pytest.fixture
    def make_scene(self, tmp_path: Path, make_deployer: Callable[..., Deployer]) -> SceneMaker:
        numbers = count()
        pattern = build_scene(tmp_path / "pattern.git", make_deployer)

        async def build() -> Scene:
            remote = pattern.remote.copied(tmp_path / f"scene-{next(numbers)}.git")
            return replace(pattern, remote=remote, deployer=make_deployer(remote))

        return build
