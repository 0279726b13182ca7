from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.testing.deploy import DeployerConformance, Scene, SceneMaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lastgood.ports.deploy import Deployer

Make = Callable[..., "Deployer"]


@dataclass
class ToolScene:
    home: Path
    deployer: Deployer
    faults: Sequence[str]
    a: str = "a" * 40
    b: str = "b" * 40
    c: str = "c" * 40
    knows_releases: bool = False

    async def runs(self, release: str) -> bool:
        return (self.home / "live").read_text(encoding="utf-8") == release

    async def effects(self) -> int:
        try:
            return len((self.home / "log").read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return 0

    async def state(self) -> object:
        return sorted((str(path), path.stat().st_mtime_ns) for path in self.home.parent.rglob("*"))

    async def meanwhile(self, release: str) -> None:
        (self.home / "live").write_text(release, encoding="utf-8")

    async def plant(self, fault: str) -> None:
        (self.home / "fault").write_text(fault, encoding="utf-8")


class Conformance(DeployerConformance):
    options: dict[str, Any] = {}  # noqa: RUF012 - read only
    faults: tuple[str, ...] = ("die-before", "die-after", "fail", "fail-after")

    @pytest.fixture
    def make_scene(self, tmp_path: Path, deployer: Make) -> SceneMaker:
        numbers = count()

        async def build() -> Scene:
            home = tmp_path / f"scene-{next(numbers)}" / "home"
            home.mkdir(parents=True)
            scene = ToolScene(home, deployer(home, **self.options), self.faults)
            await scene.meanwhile(scene.b)
            return scene

        return build


class TestThatTellsCurrent(Conformance):
    options = {"wait": True}  # noqa: RUF012 - read only
    faults = (*Conformance.faults, "lie")


class TestThatCannotTellCurrent(Conformance):
    options = {"current": None}  # noqa: RUF012 - read only
