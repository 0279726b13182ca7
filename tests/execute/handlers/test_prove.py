"""Waiting for the proof, on a clock that jumps."""

from __future__ import annotations

import asyncio

import pytest

from lastgood.errors import StepError
from lastgood.execute.handlers.prove import ProveHandler
from lastgood.model.noun import from_json
from lastgood.model.plan import Step
from lastgood.model.problem import Problem
from lastgood.model.proof import Proof
from lastgood.testing.action import FakeAction
from lastgood.testing.loop import at_once
from lastgood.testing.nouns import START

STEP = Step(id="prove:backend", kind="prove", name="prove", timeout_s=30)
PROVEN = Proof(at=START, proven=True, code="proven")


def lacking(code: str) -> Proof:
    problem = Problem(code=code, what="backend answers c", mend="restart it")
    return Proof(at=START, proven=False, code=code, problems=(problem,))


class Looks:
    """What each look shows; the last of them goes on. When each was made."""

    def __init__(self, *shown: Proof) -> None:
        self._shown = list(shown)
        self.at: list[float] = []

    async def __call__(self, step: Step) -> Proof:
        assert step is STEP
        self.at.append(asyncio.get_running_loop().time())
        return self._shown.pop(0) if len(self._shown) > 1 else self._shown[0]


def test_it_looks_in_its_cadence_until_the_proof_stands() -> None:
    looks, action = Looks(lacking("wrong-version"), lacking("unhealthy"), PROVEN), FakeAction()
    outcome = at_once(ProveHandler(looks, cadence_s=0.5).confirm(STEP, action))
    assert from_json(outcome.detail["proof"], Proof) == PROVEN
    assert looks.at == [0.0, 0.5, 1.0]
    assert action.notes == ["backend answers c"] * 2


def test_what_does_not_change_fails_with_what_it_answers_before_the_step_is_stopped() -> None:
    looks = Looks(lacking("wrong-version"))
    with pytest.raises(StepError) as failed:
        at_once(ProveHandler(looks, cadence_s=1.0).confirm(STEP, FakeAction()))
    error = failed.value
    assert (error.code, error.message, error.mend) == (
        "wrong-version",
        "backend answers c",
        "restart it",
    )
    assert STEP.timeout_s * 0.8 < looks.at[-1] < STEP.timeout_s


def test_what_nothing_can_prove_is_not_waited_for() -> None:
    looks = Looks(lacking("unproven"))
    with pytest.raises(StepError) as failed:
        at_once(ProveHandler(looks, cadence_s=1.0).confirm(STEP, FakeAction()))
    assert failed.value.code == "unproven"
    assert looks.at == [0.0]
