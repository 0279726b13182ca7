"""A fault in the configuration: where, what, and what mends it; all of them in one report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pydantic_core import PydanticCustomError

from lastgood.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in the file.

    Attributes:
        line: counted from 1; 0 when the fault belongs to no line.
        field: the path of keys to it, joined by full stops; empty for the file as a whole.
        what: what is wrong, in a clause without a final stop. Never a secret.
        mend: what to write instead.
    """

    file: str
    line: int
    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        # Keys are whatever somebody wrote: one with a line break must not look like two faults.
        field = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in self.field)
        subject = f"{field}: " if field else ""
        return f"{place}{subject}{self.what}; {self.mend}"

    def as_json(self) -> dict[str, str | int]:
        """The fault as a JSON object."""
        return asdict(self)


class FaultyConfigError(ConfigError):
    """The file has faults; the message lists every one of them.

    Attributes:
        faults: the same, for programs, in the order of the file.
    """

    def __init__(self, file: Path, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.field)))
        count = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(
            f"{file} has {count}:\n{lines}",
            mend="correct each line as it says, then run: lastgood doctor",
        )


def mistake(what: str, mend: str) -> PydanticCustomError:
    """What a validator raises: the fault's two clauses; the place is added by the reader."""
    return PydanticCustomError("mistake", "{what}; {mend}", {"what": what, "mend": mend})


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    import difflib  # noqa: PLC0415 - only a faulty file needs it

    folded = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def suggestion(word: str, known: Sequence[str]) -> str:
    """The mend of an unknown word: the nearest known one, else all of them."""
    meant = nearest(word, known)
    if meant is not None:
        return f"did you mean {meant}?"
    if not known:
        return "take it out: there is none that could be named"
    return f"take one of: {', '.join(sorted(known))}"
