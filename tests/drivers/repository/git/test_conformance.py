from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.testing.repository import RepositoryConformance

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.drivers.repository.git.driver import GitRepository
    from lastgood.ports.repository import Repository
    from lastgood.testing.remote import GitRemote


class TestByPath(RepositoryConformance):
    """A whole copy."""


class TestByUrl(RepositoryConformance):
    """A copy without files: the remote lets them be left out."""

    @pytest.fixture
    def repository(
        self, remote: GitRemote, make_repository: Callable[..., GitRepository]
    ) -> Repository:
        return make_repository(f"file://{remote.place}")
