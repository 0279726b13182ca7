"""`lastgood resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode

app = typer.Typer()


@command(app)
def resume(
    session: Session,
    run: Annotated[str | None, typer.Argument(help="The run; else the open one.")] = None,
    *,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Let an interrupted run go on where its journal stands; exit 5 when nothing is open."""
    from lastgood.app.runs.approved import refuse_changed  # noqa: PLC0415 - only when it runs
    from lastgood.app.runs.interrupting import open_run  # noqa: PLC0415 - likewise
    from lastgood.app.runs.interrupting import resume as go_on  # noqa: PLC0415 - likewise
    from lastgood.cli.doing import follow_to_end  # noqa: PLC0415 - likewise

    if dry_run:
        meant = open_run(session.project, run)
        refuse_changed(session.project, meant)
        session.would(f"let {meant.id} go on", {"run": meant.id})
        return ExitCode.GOOD
    return follow_to_end(session, go_on(session.project, run).id)
