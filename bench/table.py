"""One line of the table: a figure of ours beside a peer's, and their ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "| what | lastgood | beside | its figure | ratio |\n|---|---|---|---|---|"


def shown(seconds: float) -> str:
    """Seconds in a unit that fits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"


def megabytes(count: float) -> str:
    """An amount of memory."""
    return f"{count:.3g} MB"


def count(number: float) -> str:
    """How many there are."""
    return f"{number:g}"


class Row(NamedTuple):
    """A comparison.

    Attributes:
        what: what was measured.
        own: our figure, in seconds.
        peer: who or what it is measured against.
        other: the peer's figure, in seconds; None where it is not installed.
        show: how both are written, when they are not seconds.
    """

    what: str
    own: float
    peer: str
    other: float | None
    show: Callable[[float], str] = shown

    def __str__(self) -> str:
        if self.other is None:
            return f"| {self.what} | {self.show(self.own)} | {self.peer} | not installed | |"
        ratio = f"{self.own / self.other:.2g}" if self.own < 100 * self.other else "over 100"
        own, other = self.show(self.own), self.show(self.other)
        return f"| {self.what} | {own} | {self.peer} | {other} | {ratio} |"
