"""`lastgood hold`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import Session, command

app = typer.Typer(no_args_is_help=True, help="Set, release and show holds.")

ServiceOption = Annotated[str, typer.Option("--service", help="Whose release.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the record.")]


@command(app, "set")
def set_(
    session: Session,
    commit: Annotated[str, typer.Argument(help="The release to hold.")],
    service: ServiceOption,
    reason: ReasonOption,
) -> None:
    """Hold a release: neither it nor what is built on it may be deployed."""
    from lastgood.app.holds import set_hold  # noqa: PLC0415 - only when it runs

    held, warning = asyncio.run(set_hold(session.project, service, commit, reason))
    session.say(
        {"service": service, "commit": held, "held": True, "warning": warning or None},
        lambda: Text(f"{service} {held[:12]} is held. {warning}"),
    )


@command(app, "release")
def release(
    session: Session,
    reason: ReasonOption,
    commit: Annotated[
        str | None, typer.Argument(help="The held release; else the newest hold.")
    ] = None,
    fix: Annotated[
        str | None, typer.Option("--fix", help="Only let this commit, and its successors, pass.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Whose release.")] = None,
) -> None:
    """Let the named fix through the hold, or without --fix lift it altogether."""
    from lastgood.app.holds import release_hold  # noqa: PLC0415 - only when it runs

    freed, warning = asyncio.run(release_hold(session.project, service, commit, fix, reason))
    ids = [f"{hold.service}@{hold.commit[:12]}" for hold in freed]
    session.say(
        {"released": ids, "fix": fix, "warning": warning or None},
        lambda: Text(
            f"{', '.join(ids)}: {f'{fix[:12]} may pass' if fix else 'no longer held'}. {warning}"
        ),
    )


@command(app, "show")
def show(session: Session) -> None:
    """Show the holds that stand."""
    from lastgood.report.documents import plain  # noqa: PLC0415 - only when it runs

    holds = session.project.state.holds.standing(session.project.name)

    def table() -> Table | str:
        if not holds:
            return "nothing is held"
        rows = Table(box=None, pad_edge=False, padding=(0, 1))
        for column in ("service", "commit", "since (UTC)", "by", "reason", "fix"):
            rows.add_column(column)
        for hold in holds:
            rows.add_row(
                hold.service, hold.commit[:12], f"{hold.at:%Y-%m-%d %H:%M}", hold.by,
                Text(hold.reason), (hold.fix or "")[:12],
            )  # fmt: skip
        return rows

    session.say({"holds": plain(holds)}, table)
