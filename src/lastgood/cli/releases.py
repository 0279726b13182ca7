"""`lastgood releases`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import DryRunOption, Session, command
from lastgood.model.release import Standing

if TYPE_CHECKING:
    from lastgood.report.documents import Document

app = typer.Typer(no_args_is_help=True, help="List, mark and import releases.")

ServiceChoice = Annotated[str | None, typer.Option("--service", help="Only this service.")]
STYLES = {"known-good": "green", "candidate": "yellow", "bad": "bold red", "unknown": "dim"}


@command(app, "list")
def list_(session: Session, service: ServiceChoice = None) -> None:
    """List the releases of the ledger, newest deployment first, with their standing."""
    from lastgood.app.releases.releases import known_service, list_releases  # noqa: PLC0415 - when it runs

    if service is not None:
        known_service(session.project, service)
    document = list_releases(session.project, service)
    session.say(document, lambda: _table(document))


@command(app, "mark")
def mark(
    session: Session,
    commit: Annotated[str, typer.Argument(help="The release.")],
    standing: Annotated[str, typer.Argument(help="good or bad.", metavar="good|bad")],
    service: Annotated[str, typer.Option("--service", help="Whose release.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Say how good a release is; your name and reason are its evidence."""
    from lastgood.app.releases.releases import mark as mark_release  # noqa: PLC0415 - when it runs
    from lastgood.app.releases.releases import named_release  # noqa: PLC0415 - likewise
    from lastgood.errors import UsageError  # noqa: PLC0415 - likewise
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    standings = {"good": Standing.KNOWN_GOOD, "bad": Standing.BAD}
    if standing not in standings:
        raise UsageError(f"{standing!r} is no standing", mend="write good or bad")
    if dry_run:
        meant = asyncio.run(named_release(session.project, service, commit))
        session.would(
            f"mark {service} {meant[:12]} {standing}", {"service": service, "commit": meant}
        )
        return
    release = asyncio.run(
        mark_release(session.project, service, commit, standings[standing], reason)
    )
    session.say(plain(release), lambda: f"{release.id} is {release.standing}")


@command(app, "import")
def import_(
    session: Session, service: ServiceChoice = None, *, dry_run: DryRunOption = False
) -> None:
    """Record the releases that can be seen (directories, tags); their standing is unknown."""
    from lastgood.app.releases.releases import import_releases, visible_releases  # noqa: PLC0415 - when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    if dry_run:
        seen = asyncio.run(visible_releases(session.project, service))
        names = [f"{name}@{found.commit[:12]}" for name, found in seen]
        session.would(f"import {', '.join(names) or 'nothing'}", {"releases": names})
        return
    releases = asyncio.run(import_releases(session.project, service))
    session.say(
        {"releases": plain(releases)},
        lambda: (
            f"releases known now: {len(releases)}. Next: lastgood releases list, then "
            "lastgood releases mark COMMIT good --service S --reason TEXT"
        ),
    )


def _table(document: Document) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("service", "commit", "deployed (UTC)", "live", "standing", "held", "because"):
        table.add_column(column)
    for row in document["releases"]:
        evidence = row["evidence"] or {}
        table.add_row(
            row["service"],
            row["commit"][:12],
            str(row["deployed_at"] or "")[:19].replace("T", " "),
            "live" if row["live"] else "",
            Text(str(row["state"]), STYLES[str(row["state"])]),
            "held" if row["held"] else "",
            Text(str(evidence.get("reason", ""))[:80], "dim"),
        )
    return table
