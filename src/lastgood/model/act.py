"""An act: what the interpreter asks an engine to do."""

from __future__ import annotations

from lastgood.model.noun import Noun
from lastgood.model.plan import Step
from lastgood.model.run import StepOutcome


class Perform(Noun, frozen=True, kw_only=True):
    """Bring a step's desired state about; `attempt` counts from 1."""

    step: Step
    attempt: int


class Settle(Noun, frozen=True, kw_only=True):
    """Write down an outcome that the interpreter came to by itself."""

    step: Step
    outcome: StepOutcome


Act = Perform | Settle
