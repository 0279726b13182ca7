"""A plan for people: from, to, how, how long, at what cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lastgood.model.plan import Plan


def plan_text(plan: Plan) -> RenderableType:
    """The whole plan."""
    parts: list[RenderableType] = [
        Text(f"{plan.kind.capitalize()} of {plan.environment} ({plan.id})", "bold")
    ]
    for move in plan.moves:
        line = Text("  ")
        line.append(move.service, "bold")
        line.append(f": {str(move.origin)[:12]} -> ")
        line.append(move.target[:12], "bold green")
        line.append(f" by {move.method} ({move.driver})")
        parts.append(line)
        parts += [
            Text(f"    drops {entry.commit[:12]} {entry.subject}", "yellow")
            for entry in move.dropped
        ]
        parts += [Text(f"    migration stays: {name}", "yellow") for name in move.migrations]
    if plan.steps:
        parts.append(_steps(plan))
        fits = "fits" if plan.fits_budget else "does NOT fit"
        source = "; ".join(sorted({f"from {move.estimate_source}" for move in plan.moves}))
        parts.append(
            Text(f"  expected {plan.estimate_s:.0f} s ({source}), {fits} {plan.budget_s:g} s")
        )
        parts.append(Text(f"  data loss: {plan.loss}"))
    for problem in plan.warnings:
        parts.append(Text(f"  warning: {problem.what}", "yellow"))
        if problem.mend:
            parts.append(Text(f"           {problem.mend}", "dim"))
    for problem in plan.refusals:
        parts.append(Text(f"  refused: {problem.what}", "bold red"))
        if problem.mend:
            parts.append(Text(f"           {problem.mend}"))
    return Group(*parts)


def _steps(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("  step")
    table.add_column("after", style="dim")
    table.add_column("expected", justify="right")
    for step in plan.steps:
        table.add_row(f"  {step.name}", ", ".join(step.after), f"{step.estimate_s:.1f} s")
    return table
