"""`lastgood undo`."""

from __future__ import annotations

from typing import Annotated

import typer

from lastgood.cli.doing import Going, carry_through
from lastgood.cli.rollback import (
    AcceptLossOption,
    ConfirmOption,
    DatabaseOption,
    ReasonOption,
    TakeOverOption,
)
from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode

app = typer.Typer()


@command(app)
def undo(
    session: Session,
    run: Annotated[
        str | None, typer.Argument(help="The run to undo; else the newest that changed anything.")
    ] = None,
    reason: ReasonOption = "",
    take_over: TakeOverOption = None,
    confirm: ConfirmOption = None,
    accept_loss: AcceptLossOption = None,
    *,
    with_database: DatabaseOption = None,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Put back what a rollback replaced, held or not, and lift its hold."""
    from lastgood.app.request import Data, undo_request  # noqa: PLC0415 - only when it runs

    data = Data(wanted=with_database, accept_loss=accept_loss)
    request = undo_request(session.project, run, reason, data)
    going = Going(confirm=confirm, dry_run=dry_run, take_over=take_over)
    return carry_through(session, request, going)
