"""A plan for people: from, to, how, how long, at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from lastgood.cli.loss_text import loss_lines
from lastgood.cli.words import brief, indented
from lastgood.model.exchange import Way
from lastgood.model.plan import NO_LOSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from lastgood.model.exchange import Exchange
    from lastgood.model.plan import Move, Plan
    from lastgood.model.problem import Problem


def plan_text(plan: Plan) -> RenderableType:
    """The whole plan."""
    parts: list[RenderableType] = [
        Text(f"{plan.kind.capitalize()} of {plan.environment} ({plan.id})", "bold")
    ]
    parts += [_way(move) for move in plan.moves]
    parts += _dropped(plan.moves)
    for exchange in plan.exchanges:
        parts += _exchanged(exchange)
    down = any(exchange.way is Way.DOWNGRADE for exchange in plan.exchanges)
    fate = "is taken back" if down else "stays applied"
    parts += [
        indented(f"{fate}: migration {name} of {move.service}", "yellow")
        for move in plan.moves
        for name in move.migrations
    ]
    if plan.steps:
        parts.append(_steps(plan))
        fits = "fits" if plan.fits_budget else "does NOT fit"
        sources = sorted({f"from {move.estimate_source}" for move in plan.moves})
        source = f" ({'; '.join(sources)})" if sources else ""
        parts.append(
            indented(f"expected {plan.estimate_s:.0f} s{source}, {fits} {plan.budget_s:g} s")
        )
    if plan.steps or plan.loss != NO_LOSS:
        parts.append(indented(f"data loss: {plan.loss}"))
    parts += _problems("warning", plan.warnings, "yellow")
    parts += _problems("refused", plan.refusals, "bold red")
    return Group(*parts)


def _exchanged(exchange: Exchange) -> Iterator[RenderableType]:
    """What a database goes back to, why that, and what it costs, table by table."""
    line = Text(exchange.database, "bold")
    line.append(f": -> {exchange.goal}", "bold green")
    yield indented(line.append(f" by {exchange.way} ({exchange.why})", "default"))
    if exchange.loss is not None:
        yield from loss_lines(exchange.loss)


def _way(move: Move) -> RenderableType:
    line = Text(move.service, "bold")
    line.append(f": {str(move.origin)[:12]} -> ", "default")
    line.append(move.goal, "bold green")
    return indented(line.append(f" by {move.method} ({move.driver})", "default"))


def _dropped(moves: Sequence[Move]) -> Iterator[RenderableType]:
    """Each commit that goes with the moves once, with the services that it goes from."""
    lines = {line.commit: line for move in moves for line in move.dropped}
    for line in lines.values():
        services = ", ".join(
            move.service for move in moves if line.commit in {d.commit for d in move.dropped}
        )
        yield indented(f"drops {line.commit[:12]} {line.subject} (of {services})", "yellow")


def _problems(word: str, problems: Iterable[Problem], style: str) -> Iterator[RenderableType]:
    """Each problem, and under those with the same mend that mend once."""
    by_mend: dict[str, list[str]] = {}
    for problem in problems:
        by_mend.setdefault(problem.mend, []).append(problem.what)
    for mend, whats in by_mend.items():
        yield from (indented(brief(f"{word}: {what}"), style) for what in whats)
        if mend:
            yield indented(mend, "dim", by=4 + len(word))


def _steps(plan: Plan) -> Table:
    """Numbered, so that what waits for what can be said in little."""
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("  ", justify="right")
    table.add_column("step")
    table.add_column("after", style="dim")
    table.add_column("expected", justify="right")
    numbers = {step.id: str(number) for number, step in enumerate(plan.steps, 1)}
    for step in plan.steps:
        after = ", ".join(numbers[before] for before in step.after)
        table.add_row(f"  {numbers[step.id]}", step.name, after, f"{step.estimate_s:.1f} s")
    return table
