"""`lastgood watch`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from lastgood.cli.check import checks_table
from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode, InterruptedByPersonError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lastgood.app.watches.watcher import Sight

app = typer.Typer()


@command(app)
def watch(
    session: Session,
    run: Annotated[str | None, typer.Argument(help="The run; else the open one.")] = None,
) -> ExitCode:
    """Follow an open run; without one, the checks, the signals and the verdict.

    With --json one look is taken and told.
    """
    from lastgood.app.watches.watcher import first_sight, open_run_id, sights  # noqa: PLC0415 - when it runs
    from lastgood.cli.doing import follow_to_end  # noqa: PLC0415 - likewise
    from lastgood.report.documents import (  # noqa: PLC0415 - likewise
        check_document,
        plain,
        verdict_document,
    )

    project = session.project
    followed = run or open_run_id(project)
    if followed is not None:
        return follow_to_end(session, followed)
    if session.as_json:
        sight = asyncio.run(first_sight(project))
        document = check_document(sight.observation) | {
            "verdict": verdict_document(sight.verdict),
            "watches": plain(sight.watches),
        }
        session.say(document, lambda: "")
        return ExitCode.GOOD if sight.observation.healthy else ExitCode.UNHEALTHY

    async def show() -> None:
        with Live(console=session.err, auto_refresh=False) as live:
            async for sight in sights(project):
                live.update(_screen(sight), refresh=True)

    try:
        asyncio.run(show())
    except KeyboardInterrupt:
        raise InterruptedByPersonError(
            "not watched from here any more; what the runner watches goes on",
            mend="come back to it: lastgood watch",
        ) from None
    return ExitCode.GOOD


def _screen(sight: Sight) -> RenderableType:
    """The verdict in a word, the checks, the signals, and what else is watched."""
    verdict = sight.verdict
    reason = verdict.reasons[0] if verdict.reasons else ""
    parts: list[RenderableType] = [
        Text(f"{sight.observation.environment}: {verdict.decision} ", "bold").append(reason, "dim"),
        checks_table(sight.observation),
    ]
    for signal in sight.observation.signals:
        value = "not measured" if signal.value is None else f"{signal.value:.1%} of {signal.n}"
        parts.append(Text(f"  {signal.name}: {value} {signal.error or ''}"))
    for pending in sight.watches:
        left = max(0.0, (pending.until - datetime.now(UTC)).total_seconds())
        parts.append(
            Text(f"  {pending.kind} of {pending.service or pending.subject}: {left:.0f} s to go")
        )
    return Group(*parts)
