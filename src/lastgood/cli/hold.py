"""`lastgood hold`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import DryRunOption, Session, command

app = typer.Typer(no_args_is_help=True, help="Set, release and show holds.")

ServiceOption = Annotated[str, typer.Option("--service", help="Whose release.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the record.")]


@command(app, "set")
def set_(
    session: Session,
    commit: Annotated[str, typer.Argument(help="The release to hold.")],
    service: ServiceOption,
    reason: ReasonOption,
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Hold a release: neither it nor what is built on it may be deployed."""
    from lastgood.app.holds.setting import set_hold  # noqa: PLC0415 - only when it runs
    from lastgood.app.releases.releases import full_commit  # noqa: PLC0415 - likewise

    if dry_run:
        meant = asyncio.run(full_commit(session.project, service, commit))
        session.would(f"hold {service} {meant[:12]}", {"service": service, "commit": meant})
        return
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
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Let the named fix through the hold, or without --fix lift it altogether."""
    from lastgood.app.holds.setting import release_hold  # noqa: PLC0415 - only when it runs

    freed, warning = asyncio.run(
        release_hold(session.project, service, commit, fix, reason, dry_run=dry_run)
    )
    ids = [f"{hold.service}@{hold.commit[:12]}" for hold in freed]
    if dry_run:
        act = f"let {fix[:12]} through" if fix else "lift"
        session.would(f"{act} {', '.join(ids)}", {"released": ids, "fix": fix})
        return
    session.say(
        {"released": ids, "fix": fix, "warning": warning or None},
        lambda: Text(
            f"{', '.join(ids)}: {f'{fix[:12]} may pass' if fix else 'no longer held'}. {warning}"
        ),
    )


@command(app, "show")
def show(session: Session) -> None:
    """Show the holds that stand, also those that the repository shows."""
    from lastgood.app.holds.setting import standing_holds  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    holds, warnings = asyncio.run(standing_holds(session.project))
    for warning in warnings:
        session.tell(f"warning: {warning}")

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

    session.say({"holds": plain(holds), "warnings": warnings}, table)
