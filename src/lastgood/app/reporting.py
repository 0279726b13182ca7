"""The report of a run: drawn from the state alone, written beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.errors import RefusedError
from lastgood.model.noun import to_json
from lastgood.model.report import Report
from lastgood.model.watch import WatchKind
from lastgood.process.masking import harmless
from lastgood.report.markdown import markdown
from lastgood.report.milestones import milestones
from lastgood.store.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.app.project import Project


def compose(project: Project, run_id: str) -> Report:
    """Everything that is told about a run."""
    state = project.state
    run = state.journal.run(run_id)
    steps = state.journal.steps(run_id)
    watches = state.watches.of(WatchKind.STABILITY, run_id)
    stability = watches[0] if watches else None
    incident = state.incidents.get(run.incident) if run.incident else None
    timeline = (
        state.events.list(incident=run.incident) if run.incident else state.events.list(run=run_id)
    )
    return Report(
        made_at=now(),
        project=project.settings.project,
        environment=run.environment,
        run=run,
        steps=tuple(steps),
        milestones=milestones(run, steps, incident, stability),
        timeline=tuple(timeline),
        verdict=run.verdict,
        stability=stability,
    )


def report(project: Project, run_id: str) -> Path:
    """Write the report as Markdown and as JSON beside the state; gives the Markdown's path."""
    made = compose(project, run_id)
    folder = project.state.folder / "reports"
    write_private(folder / f"{run_id}.json", to_json(made) + "\n")
    path = folder / f"{run_id}.md"
    write_private(path, harmless(markdown(made)))  # people read it on terminals too
    return path


def newest_run(project: Project) -> str:
    """The id of the newest run.

    Raises:
        RefusedError: nothing ever ran here (`no-runs`).
    """
    runs = project.state.journal.runs(project.name, limit=1)
    if not runs:
        raise RefusedError(
            f"nothing has run in {project.name} yet",
            mend="see what would: lastgood plan",
            code="no-runs",
        )
    return runs[0].id
