"""`lastgood rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from lastgood.cli.doing import Going, carry_through
from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode, RefusedError, UsageError
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
    typer.Option("--accept-loss", help="Rows that may be lost, or unknown: of databases only."),
]
DatabaseOption = Annotated[
    bool | None,
    typer.Option("--with-database/--without-database", help="Code only, as long as no more is."),
]


def require_code_only(accept_loss: str | None, *, with_database: bool | None) -> None:
    """What is said of databases must make sense, and be no more than a rollback of code does.

    Raises:
        UsageError: the accepted loss is neither a number nor `unknown`.
        RefusedError: the database shall go back too, which nothing here can do.
    """
    if accept_loss is not None and accept_loss != "unknown" and not accept_loss.isdecimal():
        raise UsageError(
            f"--accept-loss {accept_loss!r} is no number of rows", mend="a number, or: unknown"
        )
    if with_database:
        raise RefusedError(
            "no database can be rolled back: no database driver is configured",
            mend="roll the code back: --without-database",
            code="method-impossible",
        )


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
    *,
    with_database: DatabaseOption = None,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Go back to the last known good release, and prove it."""
    from lastgood.app.request import rollback_request  # noqa: PLC0415 - only when it runs

    if drop and to:
        raise UsageError("--to and --drop exclude each other", mend="give one of them")
    require_code_only(accept_loss, with_database=with_database)
    request = rollback_request(
        session.project, to=to or [], drop=drop, services=service or [], method=method,
        reason=reason,
    )  # fmt: skip
    going = Going(confirm=confirm, dry_run=dry_run, take_over=take_over)
    return carry_through(session, request, going)
