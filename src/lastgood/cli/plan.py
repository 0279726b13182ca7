"""`lastgood plan`: what `rollback` would do."""

from __future__ import annotations

import typer

from lastgood.cli.doing import Going, carry_through
from lastgood.cli.rollback import (
    AcceptLossOption,
    BackupOption,
    DatabaseOption,
    DropOption,
    MethodOption,
    ServiceOption,
    ToOption,
)
from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode, UsageError
from lastgood.model.verdict import Method

app = typer.Typer()


@command(app)
def plan(
    session: Session,
    to: ToOption = None,
    drop: DropOption = None,
    service: ServiceOption = None,
    method: MethodOption = Method.AUTO,
    accept_loss: AcceptLossOption = None,
    backup: BackupOption = None,
    *,
    with_database: DatabaseOption = None,
) -> ExitCode:
    """Show what a rollback would do now, changing nothing; exit 5 when it would be refused."""
    from lastgood.app.request import Data, rollback_request  # noqa: PLC0415 - only when it runs

    if drop and to:
        raise UsageError("--to and --drop exclude each other", mend="give one of them")
    data = Data(wanted=with_database, backup=backup, accept_loss=accept_loss)
    request = rollback_request(
        session.project,
        to=to or [],
        drop=drop,
        services=service or [],
        method=method,
        reason="",
        data=data,
    )
    return carry_through(session, request, Going(dry_run=True))
