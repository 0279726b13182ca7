"""The hands of a step, for tests of drivers: real children, and a lease that can be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.errors import StaleLeaseError
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from lastgood.ports.children import Children


class FakeAction:
    """An `Action` that remembers what it was asked.

    Attributes:
        fences: how often the lease was looked at.
        notes: what was said to those who watch, in order.

    Args:
        children: what runs the children; real ones, without a guard, by default.
        stale_at: the look, counted from 1, at which the lease is found lost; it stays lost.
    """

    def __init__(self, children: Children | None = None, *, stale_at: int | None = None) -> None:
        self.fences = 0
        self.notes: list[str] = []
        self._children = children or PlainChildren(Masker())
        self._stale_at = stale_at

    @property
    def children(self) -> Children:
        """The children."""
        return self._children

    def fence(self) -> None:
        """Count, and say that the lease is lost once it is so."""
        self.fences += 1
        if self._stale_at is not None and self.fences >= self._stale_at:
            raise StaleLeaseError(
                "another run took the environment over",
                cause=f"the lease was lost at look {self._stale_at}",
                mend="look at the other run: lastgood status",
            )

    def note(self, text: str) -> None:
        """Remember it."""
        self.notes.append(text)
