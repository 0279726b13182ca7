"""`lastgood decide`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import DryRunOption, Session, command
from lastgood.cli.words import brief, indented
from lastgood.config.duration import seconds
from lastgood.errors import ExitCode, UsageError
from lastgood.judge.words import duration
from lastgood.model.statement import Statement
from lastgood.model.verdict import Decision

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lastgood.model.verdict import Evidence, Verdict

app = typer.Typer()

WORDS = {
    Decision.ROLLBACK: ("ROLL BACK", "bold red", "lastgood rollback"),
    Decision.HOTFIX: ("HOTFIX", "bold yellow", "lastgood watch"),
    Decision.MONITOR: ("MONITOR", "bold yellow", "lastgood watch"),
    Decision.INSUFFICIENT_EVIDENCE: ("CANNOT TELL", "bold magenta", "lastgood decide --help"),
}


@command(app)
def decide(
    session: Session,
    affected: Annotated[
        str | None, typer.Option("--affected", help="Per cent of users affected, e.g. 60.")
    ] = None,
    outage: Annotated[
        str | None, typer.Option("--outage", help="How long all has been down, e.g. 12m.")
    ] = None,
    hotfix_in: Annotated[
        str | None, typer.Option("--hotfix-in", help="When a hotfix could be live, e.g. 8m.")
    ] = None,
    *,
    security: Annotated[bool, typer.Option("--security", help="A security issue.")] = False,
    corruption: Annotated[bool, typer.Option("--corruption", help="Corrupted data.")] = False,
    data_loss: Annotated[bool, typer.Option("--data-loss", help="Lost data.")] = False,
    failed_deployment: Annotated[
        bool, typer.Option("--failed-deployment", help="The deployment itself failed.")
    ] = False,
    failed_migration: Annotated[
        bool, typer.Option("--failed-migration", help="A migration failed.")
    ] = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Judge by the runbook's tree, from what is seen and stated; exit 7 if it cannot tell."""
    from lastgood.app.deciding import decide as judge  # noqa: PLC0415 - only when it runs
    from lastgood.app.project import operator  # noqa: PLC0415 - likewise
    from lastgood.report.documents import verdict_document  # noqa: PLC0415 - likewise

    statement = Statement(
        affected=None if affected is None else _share(affected),
        security=security,
        corruption=corruption,
        data_loss=data_loss,
        outage_s=None if outage is None else _seconds("--outage", outage),
        failed_deployment=failed_deployment,
        failed_migration=failed_migration,
        hotfix_in_s=None if hotfix_in is None else _seconds("--hotfix-in", hotfix_in),
        by=operator(),
    )
    verdict = asyncio.run(judge(session.project, statement, dry_run=dry_run))
    session.say(verdict_document(verdict), lambda: verdict_text(verdict))
    unclear = verdict.decision is Decision.INSUFFICIENT_EVIDENCE
    return ExitCode.INSUFFICIENT_EVIDENCE if unclear else ExitCode.GOOD


def _share(text: str) -> float:
    """A percentage as a share; the sign may be written."""
    hundred = 100
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= hundred:
        raise UsageError(
            f"--affected {text!r} is no percentage", mend="give a number from 0 to 100, such as 60"
        )
    return percent / hundred


def _seconds(option: str, text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}", mend="write it as 90s, 12m or 2h") from None


def verdict_text(verdict: Verdict) -> RenderableType:
    """The verdict, its reasons, its path through the tree, its evidence, the next command."""
    word, style, next_command = WORDS[verdict.decision]
    parts: list[RenderableType] = [Text(word, style).append(_method(verdict), "default")]
    parts += [indented(brief(reason)) for reason in verdict.reasons]
    parts.append(Text("the way through the decision tree:", "dim"))
    path = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    for no_wrap in (True, True, False):
        path.add_column(no_wrap=no_wrap)
    for branch in verdict.path:
        # What stands among the reasons is not said twice.
        because = "see above" if branch.because in verdict.reasons else brief(branch.because)
        path.add_row(f"  {branch.question}", Text(branch.answer, "bold"), because)
    parts.append(path)
    parts.append(Text("the evidence:", "dim"))
    for item in verdict.evidence:
        line = f"{item.name}: {_value(item)}"
        if item.low is not None and item.high is not None:
            line += f" ({item.low:.1%} to {item.high:.1%}, n = {item.n})"
        parts.append(indented(brief(f"{line}  {item.source}"), "dim"))
    parts.append(Text(f"next: {next_command}", "bold"))
    return Group(*parts)


def _method(verdict: Verdict) -> str:
    return f" (method {verdict.method})" if verdict.method else ""


def _value(item: Evidence) -> str:
    """Shares as percentages, but what is named as seconds is no share."""
    if item.value is None:
        return "not known"
    if isinstance(item.value, bool):
        return "yes" if item.value else "no"
    if isinstance(item.value, float):
        return duration(item.value) if item.name.endswith("_s") else f"{item.value:.1%}"
    return str(item.value)
