"""What a driver is given when it acts within a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lastgood.ports.children import Children


class Action(Protocol):
    """The step's hands: every side effect goes through it."""

    @property
    def children(self) -> Children:
        """Children under the step's guard: killed when the runner dies or the step is stopped."""

    def fence(self) -> None:
        """Check the lock's epoch; call it right before every side effect.

        Raises:
            StaleLeaseError: somebody took the environment over; do nothing more.
        """

    def note(self, text: str) -> None:
        """Say what is going on, for those who watch. Never a secret."""
