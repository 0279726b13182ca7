"""One line of the table: a figure of ours beside a peer's, and their ratio."""

from __future__ import annotations

from typing import NamedTuple

HEADER = "| what | lastgood | beside | its figure | ratio |\n|---|---|---|---|---|"


class Row(NamedTuple):
    """A comparison.

    Attributes:
        what: what was measured.
        own: our figure, in seconds.
        peer: who or what it is measured against.
        other: the peer's figure, in seconds; None where it is not installed.
    """

    what: str
    own: float
    peer: str
    other: float | None

    def __str__(self) -> str:
        if self.other is None:
            return f"| {self.what} | {shown(self.own)} | {self.peer} | not installed | |"
        ratio = f"{self.own / self.other:.2g}" if self.own < 100 * self.other else "over 100"
        return f"| {self.what} | {shown(self.own)} | {self.peer} | {shown(self.other)} | {ratio} |"


def shown(seconds: float) -> str:
    """Seconds in a unit that fits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"
