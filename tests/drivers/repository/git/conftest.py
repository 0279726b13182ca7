from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.repository.git.driver import GitRepository
from lastgood.drivers.repository.git.options import GitRepositoryOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.ports.repository import Repository


@pytest.fixture
def remote(tmp_path: Path) -> GitRemote:
    return GitRemote(tmp_path / "remote.git")


@pytest.fixture
def make_repository(remote: GitRemote, tmp_path: Path) -> Callable[..., GitRepository]:
    """Makes drivers that share one state folder, as processes on one machine do."""

    def build(address: object = None, *, state: str = "state", **options: Any) -> GitRepository:
        toolbox = Toolbox(
            environment="production",
            name="backend",
            base=tmp_path,
            state=tmp_path / state,
            children=PlainChildren(Masker()),
        )
        where = str(address or remote.place)
        return GitRepository(GitRepositoryOptions(repository=where, **options), toolbox)

    return build


@pytest.fixture
def repository(make_repository: Callable[..., GitRepository]) -> Repository:
    return make_repository()
