"""The demo's story on a terminal: what happens while it happens, and what it came to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lastgood.app.reporting import compose
from lastgood.app.runs.following import follow
from lastgood.cli.decide import verdict_text
from lastgood.cli.live import clock, headline, show, steps_table
from lastgood.cli.loss_text import loss_text, salvage_text
from lastgood.cli.plan_text import plan_text
from lastgood.cli.words import indented
from lastgood.demo.data import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rich.console import RenderableType

    from lastgood.app.project import Project
    from lastgood.app.runs.following import Snapshot
    from lastgood.cli.session import Session
    from lastgood.demo.data import Orders
    from lastgood.demo.story import Told
    from lastgood.demo.traffic import Count
    from lastgood.model.loss import Loss
    from lastgood.model.plan import Plan
    from lastgood.model.proof import Proof
    from lastgood.model.verdict import Verdict

STAGES = {
    "impact_start": "the first user is affected",
    "detected": "lastgood sees it",
    "decided": "the rollback is commanded",
    "started": "the first step starts",
    "mitigated": "proven: production is back",
    "stable": "it stayed well",
}

NEXT = """\
lastgood demo --keep           leave the shop running, to try the commands on it
lastgood demo --method tree    the same by a new commit on the branch, deployed by CI
lastgood init                  in your own repository"""


MARGIN = 8
"""Where the story's text begins: right of its time."""


class Terminal:
    """Tells the story on stderr, each line with the time since its beginning."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun = time.monotonic()

    def tell(self, text: str) -> None:
        """A line."""
        line = Table.grid(padding=(0, 2))
        line.add_row(Text(clock(time.monotonic() - self._begun), "dim"), Text(text))
        self._session.tell(line)

    def show_verdict(self, verdict: Verdict) -> None:
        """The verdict with its path and evidence."""
        self.tell("lastgood looks at checks, traffic and deployments, and judges:")
        self.block(verdict_text(verdict))

    def show_plan(self, plan: Plan) -> None:
        """The plan."""
        self.tell("It makes a plan; nothing has been changed yet:")
        self.block(plan_text(plan))

    def show_loss(self, backup: str, loss: Loss) -> None:
        """The loss, table by table."""
        self.tell("The data is damaged, too. What would be lost by going back to the backup:")
        self.block(loss_text("main", backup, loss))

    def show_salvage(self, orders: Orders) -> None:
        """What came back."""
        self.block(salvage_text("main", "the replaced database", orders.salvage, dry_run=False))
        self.tell(f"{in_words(orders).capitalize()}.")

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """The steps, live."""
        self.tell("It carries the plan out:")
        last = show(self._session.err, follow(project, run_id))
        self.block(steps_table(last))
        return last

    def block(self, block: RenderableType) -> None:
        """Something below the story's line, where its text begins."""
        self._session.tell(Padding(block, (0, 0, 0, MARGIN), expand=False))


def came_to(told: Told, report: Path) -> Iterator[RenderableType]:
    """The timeline, the figures before and after, the proof, the report's place, what is next."""
    yield Text()
    yield headline(told.last)
    yield _timeline(told)
    yield _figures(told.before, told.after)
    if told.orders is not None:
        yield Text("data:", "bold")
        yield indented(f"nobody could connect to the database for {told.orders.closed_s:.2f} s")
        yield indented(in_words(told.orders))
    if told.last.run.proof:
        yield from _proof(told.last.run.proof)
    yield Text("report: ", "bold").append(str(report), "default")
    yield Text("next:", "bold")
    yield indented(NEXT)


def _timeline(told: Told) -> Table:
    """When what was reached, and how long after the stage before."""
    times = compose(told.project, told.last.run.id).milestones
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    former: datetime | None = None
    for stage, words in STAGES.items():
        at = getattr(times, stage)
        if at is None:
            continue
        passed = f"+{(at - former).total_seconds():.1f} s" if former else ""
        table.add_row(f"  {at:%H:%M:%S} UTC", words, Text(passed, "dim", justify="right"))
        former = at
    return table


def _figures(before: Count, after: Count) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("", "bad release", "after the proof"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row(
        "  failed requests",
        Text(f"{before.share_failed:.1%} of {before.requests}", "red"),
        Text(f"{after.share_failed:.1%} of {after.requests}", "green"),
    )
    table.add_row(
        "  users who met one",
        Text(f"{before.share_users_failed:.1%} of {before.users}", "red"),
        Text(f"{after.share_users_failed:.1%} of {after.users}", "green"),
    )
    return table


def _proof(proof: Proof) -> Iterator[RenderableType]:
    word, style = ("proof:", "bold") if proof.proven else (f"not proven ({proof.code}):", "red")
    yield Text(word, style)
    for service in proof.services:
        for address, version in service.answering.items():
            line = f"{service.service} at {address} answers {str(version)[:12]}"
            yield indented(f"{line} ({service.scope})")
    healthy = sum(check.ok for check in proof.checks)
    yield indented(f"{healthy} of {len(proof.checks)} checks are healthy")
    yield from (indented(problem.what, "red") for problem in proof.problems)
