"""`lastgood check`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode, UsageError
from lastgood.model.check import HealthState

if TYPE_CHECKING:
    from lastgood.model.observation import Observation

app = typer.Typer()

STYLES = {
    HealthState.HEALTHY: "green",
    HealthState.FAILING: "bold red",
    HealthState.UNKNOWN: "yellow",
}


@command(app)
def check(
    session: Session,
    service: Annotated[
        str | None, typer.Option("--service", help="Only this service's checks.")
    ] = None,
) -> ExitCode:
    """Look at every check now; exit 3 when one is not healthy."""
    from lastgood.app.looking import look  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import check_document  # noqa: PLC0415 - likewise

    services = session.project.environment.services
    if service is not None and service not in services:
        raise UsageError(
            f"there is no service {service!r}",
            mend=f"name one of: {', '.join(services)}",
            code="unknown-service",
        )
    observation = asyncio.run(look(session.project, service))
    session.say(check_document(observation), lambda: checks_table(observation))
    return ExitCode.GOOD if observation.healthy else ExitCode.UNHEALTHY


def checks_table(observation: Observation) -> Table:
    """Each check with its standing in a word, what answered, and how fast."""
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("check", "service", "standing", "status", "ms", "version", "error"):
        table.add_column(column, justify="right" if column == "ms" else "left")
    for result in observation.results:
        health = observation.healths.get(result.name)
        state = health.state if health else HealthState.UNKNOWN
        table.add_row(
            result.name,
            ", ".join(observation.check_services.get(result.name, ())),
            Text(state.value, STYLES[state]),
            result.status or "",
            "" if result.latency_ms is None else f"{result.latency_ms:.0f}",
            (result.version or "")[:12],
            Text(result.error or "", "red"),
        )
    return table
