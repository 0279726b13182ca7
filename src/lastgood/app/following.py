"""Following a run by its state alone: whoever follows may come and go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.submitting import wake
from lastgood.engine.direct.spawn import runner_lives
from lastgood.errors import LastgoodError
from lastgood.model.run import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.project import Project
    from lastgood.model.run import Run, StepRecord

CADENCE_S = 0.1
REVIVALS = 3
"""How often a runner that ended before its run is started anew while somebody follows."""


class Snapshot(NamedTuple):
    """A run as it stands."""

    run: Run
    steps: list[StepRecord]


def follow(project: Project, run_id: str) -> Iterator[Snapshot]:
    """Give the run as it stands, again and again; the last one is its end.

    A runner that died is started again, since what was approved is what runs.

    Raises:
        LastgoodError: the runner does not stay alive (`runner-dies`); says where its words are.
    """
    revivals = 0
    journal = project.state.journal
    while True:
        run = journal.run(run_id)
        yield Snapshot(run, journal.steps(run_id))
        if run.state is RunState.ENDED:
            return
        if not runner_lives(project.state_folder):
            # It may have ended the run between our two looks.
            if journal.run(run_id).state is RunState.ENDED:
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


def _dies(project: Project, run_id: str) -> LastgoodError:
    log = project.state_folder / "runner.log"
    try:
        words = log.read_text(errors="replace").strip().splitlines()[-1]
    except (OSError, IndexError):
        words = "it left no word"
    return LastgoodError(
        f"the runner of {run_id} does not stay alive; the run is open where it stands",
        cause=project.masker.mask(words),
        mend=f"see {log}; then: lastgood resume, or lastgood unlock --reason TEXT",
        code="runner-dies",
    )
