"""Proof: the evidence that an environment is back."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.check import CheckResult
from lastgood.model.noun import Noun
from lastgood.model.problem import Problem
from lastgood.model.signal import Signal


class ServiceProof(Noun, frozen=True, kw_only=True):
    """What answers for one service after the move.

    Attributes:
        expected: the versions that count as the target.
        answering: what each instance or address answered.
        proven: every one of them answered an expected version.
        scope: `every instance` or `one address`.
    """

    service: str
    expected: tuple[str, ...]
    answering: dict[str, str | None] = {}
    proven: bool = False
    scope: str = "one address"


class Proof(Noun, frozen=True, kw_only=True):
    """The evidence that the environment is back, or why that is not shown.

    Attributes:
        code: `proven`, `unproven` (nothing names its version), `wrong-version`, `unhealthy`,
            `signals-worse`.
    """

    at: datetime
    proven: bool
    code: str
    services: tuple[ServiceProof, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    signals_before: tuple[Signal, ...] = ()
    signals_after: tuple[Signal, ...] = ()
    problems: tuple[Problem, ...] = ()
