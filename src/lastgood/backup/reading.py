"""Documents beside a backup as they are read back: from outside, so anything may be in them."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from lastgood.errors import RefusedError
from lastgood.model.backup import Backup, BackupProof
from lastgood.model.noun import Noun, from_json
from lastgood.model.problem import Problem
from lastgood.model.rehearsal import Rehearsal
from lastgood.process.masking import harmless

LONGEST = 64 * 1024 * 1024
LONGEST_WHY = 500
MEND = "restore from another one; when it is of no use, delete its folder in the store by hand"

T = TypeVar("T")


class Pin(Noun, frozen=True, kw_only=True):
    """Why a backup must stay."""

    why: str


class Opening(Noun, frozen=True, kw_only=True):
    """When a recipient's key last opened a backup."""

    recipient: str
    at: datetime


class DamagedError(RefusedError):
    """A document, or the backup that it describes, is not as it was written."""

    def __init__(self, code: str, cause: str) -> None:
        super().__init__("a backup is damaged", cause=cause, mend=MEND, code=code)

    def problem(self, backup: str) -> Problem:
        """What is said of the backup."""
        return Problem(code=self.code, what=f"backup {backup}: {self.cause}", mend=self.mend)

    @classmethod
    def unless_small(cls, name: str, size: int) -> None:
        """Refuse what would fill the memory.

        Raises:
            DamagedError: it is too large for what it should be.
        """
        if size > LONGEST:
            raise cls("damaged-manifest", f"its {name} has {size} bytes")


def backup_in(text: bytes) -> Backup:
    """What a manifest says.

    Raises:
        DamagedError: it is none.
    """
    backup = _noun(text, Backup, "damaged-manifest")
    _refuse_zoneless(backup.created_at, "damaged-manifest")
    return backup


def proof_in(text: bytes, backup: str) -> BackupProof:
    """What a restore showed.

    Raises:
        DamagedError: it is none, or another backup's.
    """
    proof = _noun(text, BackupProof, "damaged-proof")
    _refuse_zoneless(proof.at, "damaged-proof")
    if proof.backup != backup:
        raise DamagedError("damaged-proof", "its proof is another backup's")
    return proof


def rehearsal_in(text: bytes, backup: str) -> Rehearsal:
    """What came of trying its migrations up and down.

    Raises:
        DamagedError: it does not say, or is another backup's.
    """
    rehearsal = _noun(text, Rehearsal, "damaged-rehearsal")
    _refuse_zoneless(rehearsal.at, "damaged-rehearsal")
    if rehearsal.backup != backup:
        raise DamagedError("damaged-rehearsal", "its rehearsal is another backup's")
    return rehearsal


def opening_in(text: bytes) -> Opening:
    """When a recipient's key last opened a backup.

    Raises:
        DamagedError: it does not say.
    """
    opening = _noun(text, Opening, "damaged-opening")
    _refuse_zoneless(opening.at, "damaged-opening")
    return opening


def pin_in(text: bytes) -> str:
    """Why it is pinned.

    Raises:
        DamagedError: it does not say.
    """
    why = harmless(_noun(text, Pin, "damaged-pin").why)[:LONGEST_WHY]
    return why.strip() or "pinned"


def _noun(text: bytes, kind: type[T], code: str) -> T:
    try:
        return from_json(text, kind)
    except (ValueError, RecursionError) as error:
        said = harmless(str(error))[:200]
        raise DamagedError(code, f"what is kept of it cannot be read: {said}") from error


def _refuse_zoneless(at: datetime, code: str) -> None:
    if at.tzinfo is None:  # it could be compared with no other time
        raise DamagedError(code, "a time in what is kept of it has no zone")
