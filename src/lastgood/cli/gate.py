"""`lastgood gate`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli.session import Session, command

if TYPE_CHECKING:
    from lastgood.app.holds.gating import GateAnswer

app = typer.Typer()


@command(app)
def gate(
    session: Session,
    commit: Annotated[str, typer.Argument(help="The commit that is to be deployed.")],
    service: Annotated[str, typer.Option("--service", help="Only this service's holds.")] = "",
) -> None:
    """Say whether a commit may be deployed; exit 5 when it is held or that cannot be known."""
    from lastgood.app.holds.gating import gate as ask  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    project = session.project

    async def answered() -> GateAnswer:
        async with project.drivers() as drivers:
            return await ask(project, drivers, commit, service)

    answer = asyncio.run(answered())
    document = {"environment": project.name, "allowed": True, **plain(answer)}
    session.say(document, lambda: f"{answer.commit[:12]} may be deployed: {answer.reason}")
