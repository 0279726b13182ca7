from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.deploy.releases.directories import ReleaseDirectories
from lastgood.drivers.deploy.releases.driver import make
from lastgood.drivers.deploy.releases.options import ReleasesOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
from lastgood.testing.deploy import DeployerConformance, Scene, SceneMaker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lastgood.ports.deploy import Deployer

# Counts what it does, and dies once in the way that was planted.
HOOK = """#!/bin/sh
fault=$(cat "$0.fault" 2>/dev/null)
rm -f "$0.fault"
[ "$fault" = die-before ] && kill -9 $$
echo done >>"$0.count"
[ "$fault" = die-after ] && kill -9 $$
[ "$fault" = fail ] && exit 3
exit 0
"""


def look(path: Path) -> tuple[object, ...]:
    about = path.lstat()
    text = str(path.readlink()) if path.is_symlink() else ""
    return (str(path), about.st_ino, about.st_mode, about.st_mtime_ns, text)


@dataclass
class ReleasesScene:
    root: Path
    deployer: Deployer
    hooks: bool
    faults: Sequence[str] = ()
    a: str = "a" * 40
    b: str = "b" * 40
    c: str = "c" * 40
    knows_releases: bool = True
    flips: int = 0

    async def runs(self, release: str) -> bool:
        served = self.root / "service" / "current" / "index.html"
        return served.read_text(encoding="utf-8") == release

    async def effects(self) -> int:
        return self.flips if not self.hooks else self._lines("restart.count")

    async def state(self) -> object:
        return sorted(map(look, self.root.rglob("*")))

    async def meanwhile(self, release: str) -> None:
        new = self.root / "service" / "current.colleague"
        new.symlink_to(f"releases/{release}")
        new.replace(self.root / "service" / "current")

    async def plant(self, fault: str) -> None:
        hook, _, kind = fault.partition(":")
        (self.root / f"{hook}.fault").write_text(kind, encoding="utf-8")

    def _lines(self, name: str) -> int:
        try:
            return len((self.root / name).read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            return 0


def build_scene(root: Path, *, hooks: bool) -> ReleasesScene:
    path = root / "service"
    for age, name in enumerate(("c" * 40, "b" * 40, "a" * 40, "0" * 40)):
        release = path / "releases" / name
        release.mkdir(parents=True)
        (release / "index.html").write_text(name, encoding="utf-8")
        (release / "deep" / "er").mkdir(parents=True)
        os.utime(release, (1_800_000_000 - age, 1_800_000_000 - age))
    (path / "current").symlink_to(f"releases/{'b' * 40}")
    options: dict[str, Any] = {"path": path, "keep": 1}
    if hooks:
        for name in ("restart", "drain"):
            hook = root / name
            hook.write_text(HOOK, encoding="utf-8")
            hook.chmod(0o755)
            options[name] = (str(hook),)
    toolbox = Toolbox(
        environment="production",
        name="frontend",
        base=root,
        state=root,
        children=PlainChildren(Masker()),
    )
    kinds = ("die-before", "die-after", "fail")
    faults = [f"{hook}:{kind}" for hook in ("drain", "restart") for kind in kinds]
    return ReleasesScene(
        root=root,
        deployer=make(ReleasesOptions(**options), toolbox),
        hooks=hooks,
        faults=faults if hooks else (),
    )


class Conformance(DeployerConformance):
    hooks = False

    @pytest.fixture
    def make_scene(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SceneMaker:
        numbers = count()
        scenes: dict[Path, ReleasesScene] = {}
        flip = ReleaseDirectories.flip

        def counting(directories: ReleaseDirectories, name: str) -> None:
            scenes[directories.path.parent].flips += 1
            flip(directories, name)

        monkeypatch.setattr(ReleaseDirectories, "flip", counting)

        async def build() -> Scene:
            root = tmp_path / f"scene-{next(numbers)}"
            scenes[root] = build_scene(root, hooks=self.hooks)
            return scenes[root]

        return build


class TestPlain(Conformance):
    pass


class TestWithHooks(Conformance):
    hooks = True
