"""`lastgood rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from lastgood.cli.doing import Going, carry_through
from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode, UsageError
from lastgood.model.verdict import Method

app = typer.Typer()

TO_HELP = "The release to go back to: REVISION, or SERVICE=REVISION; else the last known good."

ToOption = Annotated[list[str] | None, typer.Option("--to", help=TO_HELP)]
DropOption = Annotated[
    str | None, typer.Option("--drop", help="Take out this commit, or FIRST..LAST, only.")
]
ServiceOption = Annotated[
    list[str] | None, typer.Option("--service", help="Only this service; may be repeated.")
]
MethodOption = Annotated[Method, typer.Option("--method", help="The way back.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the record.")]
ConfirmOption = Annotated[
    str | None, typer.Option("--confirm", help="The environment's name: go on unasked.")
]
TakeOverOption = Annotated[
    str | None, typer.Option("--take-over", help="Take the lock from this run.")
]
AcceptLossOption = Annotated[
    str | None,
    typer.Option("--accept-loss", help="How many rows of databases may be lost, or: unknown."),
]
DatabaseOption = Annotated[
    bool | None,
    typer.Option(
        "--with-database/--without-database",
        help="Whether databases go back, too; else as the verdict says.",
    ),
]
BackupOption = Annotated[
    str | None, typer.Option("--backup", help="The backup that the database goes back to.")
]
SlotsOption = Annotated[
    bool,
    typer.Option("--drop-slots", help="Drop the replaced database's logical replication slots."),
]


@command(app)
def rollback(
    session: Session,
    to: ToOption = None,
    drop: DropOption = None,
    service: ServiceOption = None,
    method: MethodOption = Method.AUTO,
    reason: ReasonOption = "",
    take_over: TakeOverOption = None,
    confirm: ConfirmOption = None,
    accept_loss: AcceptLossOption = None,
    backup: BackupOption = None,
    *,
    with_database: DatabaseOption = None,
    drop_slots: SlotsOption = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Go back to the last known good release, and prove it."""
    from lastgood.app.request import Data, rollback_request  # noqa: PLC0415 - only when it runs

    if drop and to:
        raise UsageError("--to and --drop exclude each other", mend="give one of them")
    data = Data(wanted=with_database, backup=backup, accept_loss=accept_loss, drop_slots=drop_slots)
    request = rollback_request(
        session.project, to=to or [], drop=drop, services=service or [], method=method,
        reason=reason, data=data,
    )  # fmt: skip
    going = Going(confirm=confirm, dry_run=dry_run, take_over=take_over)
    return carry_through(session, request, going)
