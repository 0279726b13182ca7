"""The hands of one step: guarded children, the fence, and notes for those who watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.ports.children import Children


@dataclass(frozen=True)
class StepAction:
    """An `Action` made of three parts that the engine supplies."""

    children: Children
    check_lease: Callable[[], None]
    write_note: Callable[[str], None]

    def fence(self) -> None:
        """Check the lock's epoch."""
        self.check_lease()

    def note(self, text: str) -> None:
        """Write what is going on into the journal."""
        self.write_note(text)
