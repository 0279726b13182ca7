"""Following a run by its state alone: whoever follows may come and go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.runs.runnerlog import why_no_words, why_stopped
from lastgood.app.runs.submitting import wake
from lastgood.engine.direct.spawn import LOG, runner_lives
from lastgood.errors import LastgoodError
from lastgood.model.run import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.project import Project
    from lastgood.model.run import Run, StepRecord

CADENCE_S = 0.1
REVIVALS = 3
"""How often a runner that ended before its run is started anew while somebody follows."""

SILENT_S = 30.0
"""How long a run that was asked to stop may show no sign of it: to end the most stubborn children
takes half of that."""


class Snapshot(NamedTuple):
    """A run as it stands."""

    run: Run
    steps: list[StepRecord]


def follow(project: Project, run_id: str) -> Iterator[Snapshot]:
    """Give the run as it stands, again and again; the last one is its end.

    A runner that died is started again, since what was approved is what runs.

    Raises:
        LastgoodError: the run stays open where it stands: its runner stopped it and said why
            (`run-stopped`), does not stay alive (`runner-dies`), or lives and does not do what it
            was asked for (`runner-silent`).
    """
    revivals = 0
    before, changed_at = None, time.monotonic()
    while True:
        now = stand(project, run_id)
        yield now
        if now != before:
            before, changed_at = now, time.monotonic()
        elif now.run.cancel_at is not None and time.monotonic() - changed_at > SILENT_S:
            raise _silent(run_id)
        if now.run.state is RunState.ENDED:
            return
        _raise_if_stopped(project, now.run)
        if not runner_lives(project.state_folder):
            # It may have ended the run between our two looks.
            if stand(project, run_id).run.state is RunState.ENDED:
                continue
            if revivals == REVIVALS:
                raise _dies(project, run_id)
            revivals += 1
            wake(project)
        time.sleep(CADENCE_S)


def stand(project: Project, run_id: str) -> Snapshot:
    """The run as it stands now."""
    journal = project.state.journal
    return Snapshot(journal.run(run_id), journal.steps(run_id))


def _raise_if_stopped(project: Project, run: Run) -> None:
    # What was said before the last sign of life is over: somebody has taken it up again.
    since = project.state.journal.last_activity(run.id)
    why = why_stopped(project.state_folder, run.id, since)
    if why is not None:
        raise LastgoodError(
            f"{run.id} stopped where it stands",
            cause=why,
            mend="when that is mended: lastgood resume; or lastgood unlock --reason TEXT",
            code="run-stopped",
        )


def _silent(run_id: str) -> LastgoodError:
    return LastgoodError(
        f"{run_id} was asked to stop, and does not",
        cause=f"its runner lives, but wrote nothing for {SILENT_S:g} s: it is stopped or stuck",
        mend="end what it started and free the lock without it: lastgood unlock --reason TEXT",
        code="runner-silent",
    )


def _dies(project: Project, run_id: str) -> LastgoodError:
    what = f"nobody carries {run_id} out; it is open where it stands"
    unwritten = why_no_words(project.state_folder, what)
    if unwritten is not None:
        return LastgoodError(
            what,
            cause=f"its runner cannot write into {project.state_folder}, not even why: {unwritten}",
            mend=f"make room and rights for {project.state_folder}; then: lastgood resume, "
            "or lastgood unlock --reason TEXT",
            code="runner-dies",
        )
    return LastgoodError(
        what,
        cause=f"its runner was started {REVIVALS} times and ended each time; a run that nobody "
        "worked on for 15 minutes is not continued by itself",
        mend=f"see {project.state_folder / LOG}; then: lastgood resume, "
        "or lastgood unlock --reason TEXT",
        code="runner-dies",
    )
