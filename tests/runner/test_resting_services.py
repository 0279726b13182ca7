"""Services that a run has stopped run again, however it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from tests.runner.conftest import CONFIGURATION, WAIT

from lastgood.app.proving import Prover
from lastgood.app.runs.interrupting import cancel
from lastgood.model.run import Outcome, StepState
from lastgood.plan.steps import of_service, start

if TYPE_CHECKING:
    from datetime import datetime

    from tests.runner.conftest import Workshop

    from lastgood.model.run import Run

RESTING = CONFIGURATION.replace(
    "        checks: [alive]\n",
    "        checks: [alive]\n"
    "        stop: [sh, -c, 'echo stop >> effects']\n"
    "        start: [sh, -c, 'echo start >> effects']\n",
)


def begin(workshop: Workshop) -> Run:
    """A run whose service rests; its deploy tool hangs."""
    workshop.configure(RESTING)
    workshop.mode(WAIT)
    prepared = workshop.prepare()
    steps = {step.id: step for step in prepared.plan.steps}
    deploy = steps["deploy:backend"]
    stopped = of_service("stop", "backend", deploy.after, ())
    deploy = msgspec.structs.replace(deploy, after=(stopped.id,))
    started = start("backend", [deploy], (), ())
    before = [step for step in prepared.plan.steps if step.id in deploy.after or "hold" in step.id]
    plan = msgspec.structs.replace(
        prepared.plan, steps=(steps["precheck"], *before, stopped, deploy, started)
    )
    run = workshop.submit(prepared._replace(plan=plan))
    workshop.wait_for((workshop.folder / "begun").exists)
    return run


async def moved_at(workshop: Workshop, run: Run) -> datetime:
    async with workshop.project.drivers() as drivers:
        return Prover(workshop.project, drivers, run)._moved_at()


def test_a_run_that_is_cancelled_after_its_runner_died_starts_what_it_stopped(
    workshop: Workshop,
) -> None:
    run = begin(workshop)
    workshop.kill_runner()
    ended = workshop.end(cancel(workshop.project, run.id))
    assert workshop.effects == ["stop", "start"]
    assert ended.run.outcome is Outcome.CANCELLED
    records = {record.step: record for record in ended.steps}
    assert records["deploy:backend"].state is StepState.CANCELLED
    assert records["start:backend"].state is StepState.DONE
    # What failed while it rested is no sign of what runs now.
    assert asyncio.run(moved_at(workshop, ended.run)) == records["start:backend"].ended_at
