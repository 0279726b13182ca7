"""A verdict: what to do, by which method, on which evidence."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun


class Decision(StrEnum):
    """The four things a judge can say."""

    ROLLBACK = "rollback"
    HOTFIX = "hotfix"
    MONITOR = "monitor"
    INSUFFICIENT_EVIDENCE = "insufficient-evidence"


class Method(StrEnum):
    """The ways back, as the command line names them."""

    AUTO = "auto"
    ARTIFACT = "artifact"
    CI = "ci"
    TREE = "tree"
    DROP = "drop"
    DATABASE = "database"
    FULL = "full"


class Damage(StrEnum):
    """What code alone does not mend."""

    NONE = "none"
    SCHEMA = "schema"
    """A migration failed, or must be taken back; all that is in the tables is good."""
    DATA = "data"
    """Rows are corrupt or lost."""


class Evidence(Noun, frozen=True, kw_only=True):
    """One thing that was seen or stated, with what it rests on."""

    name: str
    value: float | str | bool | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    source: str = ""
    at: datetime | None = None


class Branch(Noun, frozen=True, kw_only=True):
    """One question of the decision tree and the answer that was taken."""

    question: str
    answer: str
    because: str


class Verdict(Noun, frozen=True, kw_only=True):
    """What to do and why.

    Attributes:
        damaged: data is damaged or lost, or a migration failed: code alone does not mend that.
        damage: which of these it is.
    """

    environment: str
    at: datetime
    decision: Decision
    method: Method | None
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    path: tuple[Branch, ...] = ()
    services: tuple[str, ...] = ()
    impact_start: datetime | None = None
    damaged: bool = False
    damage: Damage = Damage.NONE
