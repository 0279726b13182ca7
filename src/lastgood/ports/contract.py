"""The port of databases whose copies can be tried by the release that they would serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.model.problem import Problem


@runtime_checkable
class Contracted(Protocol):
    """What a database offers beside: the project's own check of a restored copy."""

    def contract(self, side: str, releases: Mapping[str, str]) -> list[Problem]:
        """Why a release could not work with a side database, which is not written to.

        Nothing where the project has no such check.

        Args:
            side: the side database's id.
            releases: what was live at its snapshot, by service.

        Raises:
            RemoteError: the server does not answer.
        """
