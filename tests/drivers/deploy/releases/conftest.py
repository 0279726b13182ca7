from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.deploy.releases.driver import make
from lastgood.drivers.deploy.releases.options import ReleasesOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.ports.deploy import Deployer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service's folder with releases of which `bbbb` is live; `aaaa` is older, `cccc` newer."""
    path = tmp_path / "service"
    for name in ("aaaa", "bbbb", "cccc"):
        release = path / "releases" / name
        release.mkdir(parents=True)
        (release / "index.html").write_text(name, encoding="utf-8")
    (path / "current").symlink_to("releases/bbbb")
    return path


@pytest.fixture
def deployer(folder: Path) -> Callable[..., Deployer]:
    """Makes the driver for the folder with options, and the toolbox's repository."""

    def build(*, repository: Any = None, **options: Any) -> Deployer:
        toolbox = Toolbox(
            environment="production",
            name="frontend",
            base=folder.parent,
            state=folder.parent / "state",
            children=PlainChildren(Masker()),
            repository=repository,
        )
        return make(ReleasesOptions(path=options.pop("path", folder), **options), toolbox)

    return build
