from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.deploy.git.driver import make
from lastgood.drivers.deploy.git.options import GitDeployOptions
from lastgood.drivers.repository.git.driver import GitRepository
from lastgood.drivers.repository.git.options import GitRepositoryOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.ports.deploy import Deployer


@pytest.fixture
def remote(tmp_path: Path) -> GitRemote:
    return GitRemote(tmp_path / "remote.git")


@pytest.fixture
def make_deployer(remote: GitRemote, tmp_path: Path) -> Callable[..., Deployer]:
    """Makes the driver of the service `backend`, on the fixture's remote or another."""

    def build(of: GitRemote = remote, **options: Any) -> Deployer:
        parts: dict[str, Any] = {
            "environment": "production",
            "name": "backend",
            "base": tmp_path,
            "state": tmp_path / "state",
            "children": PlainChildren(Masker()),
        }
        where = str(of.place)
        repository = GitRepository(GitRepositoryOptions(repository=where), Toolbox(**parts))
        toolbox = Toolbox(**parts, repository=repository)
        return make(GitDeployOptions(repository=where, **options), toolbox)

    return build


@pytest.fixture
def deployer(make_deployer: Callable[..., Deployer]) -> Deployer:
    return make_deployer(paths=("backend",), migrations="backend/migrations")
