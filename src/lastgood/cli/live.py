"""A run on the terminal: its steps, the time that passed, the budget."""

from __future__ import annotations

import contextlib
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lastgood.cli.words import brief, indented
from lastgood.model.run import Outcome, RunState, StepState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FrameType

    from rich.console import Console, RenderableType

    from lastgood.app.runs.following import Snapshot
    from lastgood.model.run import StepOutcome

MARKS = {
    StepState.WAITING: ("·", "dim"),
    StepState.RUNNING: ("▸", "bold cyan"),
    StepState.DONE: ("✓", "green"),
    StepState.FAILED: ("✗", "bold red"),
    StepState.SKIPPED: ("-", "dim"),
    StepState.CANCELLED: ("■", "yellow"),
}
WORDS = {
    Outcome.RECOVERED: "bold green",
    Outcome.FAILED: "bold red",
    Outcome.CANCELLED: "bold yellow",
    Outcome.REFUSED: "bold yellow",
}

MOST_OF_AN_ERROR = 600
"""Characters of an error that are shown; all of it is in the report."""


def steps_table(snapshot: Snapshot) -> RenderableType:
    """Each step with its state in sign and word, its seconds, its newest note; then what failed."""
    run, records = snapshot.run, {record.step: record for record in snapshot.steps}
    table = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    table.add_column(width=1)
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True, overflow="ellipsis")
    errors: list[RenderableType] = []
    for step in run.plan.steps:
        record = records.get(step.id)
        state = record.state if record else StepState.WAITING
        mark, style = MARKS[state]
        seconds = record.seconds if record else None
        if seconds is None and record and record.started_at and run.state is RunState.OPEN:
            seconds = (datetime.now(UTC) - record.started_at).total_seconds()
        note = record.note if record and state is StepState.RUNNING else ""
        table.add_row(
            Text(mark, style),
            Text(step.name),
            Text(state.value, style),
            Text("" if seconds is None else f"{seconds:.1f} s"),
            Text(brief(note), "dim"),
        )
        if record and record.outcome and record.outcome.error:
            errors += _error(step.name, record.outcome)
    return Group(table, *errors)


def _error(step: str, outcome: StepOutcome) -> Iterator[RenderableType]:
    yield indented(brief(f"{step}: {outcome.error[:MOST_OF_AN_ERROR]}"), "red")
    if outcome.mend:
        yield indented(f"mend: {outcome.mend}", by=4)


def headline(snapshot: Snapshot) -> Text:
    """The run's outcome, or the time that passed, against the budget."""
    run = snapshot.run
    budget = clock(run.plan.budget_s)
    if run.outcome is None:
        passed = (datetime.now(UTC) - run.commanded_at).total_seconds()
        return Text(f"{run.plan.kind} of {run.environment}: {clock(passed)} of {budget}", "bold")
    seconds = clock(run.seconds or 0.0)
    text = Text(run.outcome.value, WORDS[run.outcome])
    return text.append(f" {run.environment} in {seconds} of {budget}", "bold")


def clock(seconds: float) -> str:
    """Seconds as people read a stop-watch, e.g. `0:02.1`."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def show(console: Console, snapshots: Iterable[Snapshot]) -> Snapshot:
    """Show a run until it ends; gives the last snapshot.

    The first Ctrl-C explains; the second stops the watching, not the run.

    Raises:
        KeyboardInterrupt: the second Ctrl-C.
    """
    last: Snapshot | None = None
    if console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live, _explained(console):
            for snapshot in snapshots:
                last = snapshot
                live.update(_screen(snapshot), refresh=True)
    else:
        with _explained(console):
            for snapshot in _changes(console, snapshots):
                last = snapshot
    if last is None:  # a run always has at least one snapshot
        raise KeyboardInterrupt
    return last


def _screen(snapshot: Snapshot) -> Table:
    grid = Table.grid()
    grid.add_row(headline(snapshot))
    grid.add_row(steps_table(snapshot))
    return grid


def _changes(console: Console, snapshots: Iterable[Snapshot]) -> Iterator[Snapshot]:
    """Without a terminal: one line for each step that changed."""
    told: dict[str, StepState] = {}
    for snapshot in snapshots:
        names = {step.id: step.name for step in snapshot.run.plan.steps}
        for record in snapshot.steps:
            if told.get(record.step, StepState.WAITING) is not record.state:
                told[record.step] = record.state
                mark, _ = MARKS[record.state]
                error = record.outcome.error if record.outcome else ""
                line = f"{mark} {names.get(record.step, record.step)}: {record.state}"
                console.print(f"{line}: {error}" if error else line)
        yield snapshot


@contextlib.contextmanager
def _explained(console: Console) -> Iterator[None]:
    """Let the first Ctrl-C explain and only the second one interrupt."""
    asked = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            former(number, frame) if callable(former) else None
            raise KeyboardInterrupt
        asked = True
        console.print(
            "The run goes on without this terminal. "
            "Ctrl-C again stops watching; `lastgood cancel` stops the run; "
            "`lastgood watch` comes back to it."
        )

    former = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, on_interrupt)
    except ValueError:  # not the main thread: nobody can press Ctrl-C here
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
