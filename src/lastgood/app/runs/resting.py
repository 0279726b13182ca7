"""What a run had stopped when its lock was taken away is started again: it cannot do so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now, operator
from lastgood.engine.direct.engine import step_children
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.run import StepState
from lastgood.plan.steps import SERVICE_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.project import Project
    from lastgood.model.plan import Step
    from lastgood.model.run import Run

STARTED, NOT_STARTED = "service.started", "service.not-started"


async def start_what_rests(project: Project, run: Run) -> list[str]:
    """Start the services that an ended run left stopped; gives what could not be started, and why.

    Each is tried once; to start what runs is harmless.
    """
    failures = []
    for step in _left(project, run):
        service = str(step.service)
        kind, text = STARTED, f"{service}, which {run.id} had stopped, was started"
        try:
            await _start(project, run, step)
        except LastgoodError as error:
            kind = NOT_STARTED
            text = f"{service}, which {run.id} had stopped, could not be started: {error}"
            failures.append(text)
        project.state.events.append(
            kind, operator(), text, at=now(), environment=run.environment,
            incident=run.incident, run=run.id, data={"service": service},
        )  # fmt: skip
    return failures


async def _start(project: Project, run: Run, step: Step) -> None:
    """Run a service's start command, under the guard of the step that did not come to it."""
    service = project.environment.services.get(str(step.service))
    if service is None or not service.start:
        raise RefusedError("nothing says any more how", mend="start it by hand", code="no-start")
    children = step_children(project.state, run.id, step.id, project.masker)
    await children.claim()
    try:
        await children.run(service.start, timeout=SERVICE_TIMEOUT_S, cwd=project.settings.folder)
    finally:
        await children.clear()


def _left(project: Project, run: Run) -> Iterator[Step]:
    """The steps that would have started what was stopped, and did not come to it."""
    records = {record.step: record for record in project.state.journal.steps(run.id)}
    events = project.state.events.list(run=run.id)
    tried = {event.data["service"] for event in events if event.kind in {STARTED, NOT_STARTED}}
    for step in run.plan.steps:
        stop, own = records.get(str(step.takes_back)), records.get(step.id)
        begun = stop is not None and stop.started_at is not None
        started = own is not None and own.state is StepState.DONE
        if step.takes_back is not None and begun and not started and step.service not in tried:
            yield step
