"""`lastgood deployment`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from lastgood.cli.session import DryRunOption, Session, command

app = typer.Typer(no_args_is_help=True, help="Record and list deployments.")


@command(app, "record")
def record(
    session: Session,
    service: Annotated[str, typer.Option("--service", help="What was deployed.")],
    commit: Annotated[str, typer.Option("--commit", help="Which release of it.")],
    artifact: Annotated[
        str | None, typer.Option("--artifact", help="Where the built release is kept.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who deployed; else you.")] = None,
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Record that a release went live; it soaks, and becomes known good when its checks hold."""
    from lastgood.app.project import operator  # noqa: PLC0415 - likewise
    from lastgood.app.releases.deployments import record_deployment, recorded_commit  # noqa: PLC0415 - when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    project = session.project
    full = asyncio.run(recorded_commit(project, service, commit))
    if dry_run:
        session.would(f"record {service} {full[:12]}", {"service": service, "commit": full})
        return
    deployment = record_deployment(
        project,
        service,
        full,
        by=by or operator(),
        source="ci" if by else "person",
        artifact=artifact,
    )
    minutes = project.environment.stability / 60
    session.say(
        plain(deployment),
        lambda: f"{service} {full[:12]} is recorded; it is watched for {minutes:g} minutes",
    )


@command(app, "list")
def list_(
    session: Session,
    service: Annotated[str | None, typer.Option("--service", help="Only this service.")] = None,
) -> None:
    """List the deployments of the ledger, newest first."""
    from lastgood.app.releases.releases import known_service  # noqa: PLC0415 - when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    if service is not None:
        known_service(session.project, service)
    deployments = session.project.state.ledger.deployments(session.project.name, service)

    def table() -> Table:
        rows = Table(box=None, pad_edge=False, padding=(0, 1))
        for column in ("at (UTC)", "service", "commit", "by", "source", "run"):
            rows.add_column(column)
        for item in deployments:
            rows.add_row(
                f"{item.at:%Y-%m-%d %H:%M:%S}",
                item.service,
                item.commit[:12],
                item.by,
                item.source,
                item.run or "",
            )
        return rows

    session.say({"deployments": plain(deployments)}, table)
