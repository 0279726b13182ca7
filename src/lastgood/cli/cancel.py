"""`lastgood cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode
from lastgood.model.run import Outcome

app = typer.Typer()


@command(app)
def cancel(
    session: Session,
    run: Annotated[str | None, typer.Argument(help="The run; else the open one.")] = None,
    *,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Stop a run at a safe place: its children are dead before the lock is free."""
    from lastgood.app.runs.following import follow  # noqa: PLC0415 - only when it runs
    from lastgood.app.runs.interrupting import cancel as stop  # noqa: PLC0415 - likewise
    from lastgood.app.runs.interrupting import open_run  # noqa: PLC0415 - likewise
    from lastgood.cli.doing import answer  # noqa: PLC0415 - likewise

    if dry_run:
        meant = open_run(session.project, run)
        session.would(f"cancel {meant.id}", {"run": meant.id})
        return ExitCode.GOOD
    stopping = stop(session.project, run)
    *_, last = follow(session.project, stopping.id)
    code = answer(session, last)
    return ExitCode.GOOD if last.run.outcome is Outcome.CANCELLED else code
