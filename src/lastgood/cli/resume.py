"""`lastgood resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode

app = typer.Typer()


@command(app)
def resume(
    session: Session,
    run: Annotated[str | None, typer.Argument(help="The run; else the open one.")] = None,
) -> ExitCode:
    """Let an interrupted run go on where its journal stands; exit 5 when nothing is open."""
    from lastgood.app.interrupting import resume as go_on  # noqa: PLC0415 - only when it runs
    from lastgood.cli.doing import follow_to_end  # noqa: PLC0415 - likewise

    return follow_to_end(session, go_on(session.project, run).id)
