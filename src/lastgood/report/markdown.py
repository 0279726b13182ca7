"""The report as Markdown: what happened, when, on which evidence, and what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.run import Outcome, StepState
from lastgood.model.watch import WatchState
from lastgood.report.documents import within_budget
from lastgood.report.escaping import cell, code, text, time
from lastgood.report.exchanged import exchanged, lost
from lastgood.report.milestones import STAGES, durations
from lastgood.report.repaired import repaired

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lastgood.model.proof import Proof
    from lastgood.model.report import Report
    from lastgood.model.signal import Signal

NAMES = {
    "impact_start": "impact start",
    "detected": "detected",
    "decided": "decided",
    "started": "started",
    "mitigated": "mitigated",
    "stable": "stable",
}

_CHANGING = frozenset({"deploy", "hold", "unhold", "swap", "downgrade"})
"""The kinds of steps that change the environment."""


def markdown(report: Report) -> str:
    """Write the whole report; it ends with a newline."""
    sections = (
        _head(report),
        _summary(report),
        _milestones(report),
        _verdict(report),
        _changes(report),
        _steps(report),
        _proof(report.run.proof),
        _timeline(report),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _head(report: Report) -> Iterator[str]:
    run = report.run
    yield f"# {run.plan.kind.capitalize()} of {report.project} {report.environment}"
    yield ""
    yield f"Run `{run.id}`, plan `{run.plan.id}` (SHA-256 `{run.plan_digest[:16]}…`), "
    yield f"incident {f'`{run.incident}`' if run.incident else 'none'}, "
    yield f"by {text(run.by)}, lastgood {run.tool_version}. All times are UTC."
    yield ""


def _summary(report: Report) -> Iterator[str]:
    run = report.run
    yield "## Summary"
    yield ""
    if run.outcome is None:
        yield "The run is **not over**: `lastgood watch` follows it, `lastgood resume` goes on."
    else:
        took = f" in {run.seconds:.1f} s of {run.plan.budget_s:g} s" if run.seconds else ""
        word = "recovered" if run.outcome is Outcome.RECOVERED else run.outcome.value
        over = "" if within_budget(run) or run.outcome is not Outcome.RECOVERED else ", over budget"
        yield f"**{word.capitalize()}**{took}{over}. {text(run.plan.reason)}".rstrip()
        if run.code and run.outcome is not Outcome.RECOVERED:
            yield ""
            yield f"Code: `{run.code}`."
    yield ""
    yield f"Data loss: {text(lost(report))}."
    yield ""
    yield f"Stability: {_stability(report)}."
    yield ""


def _stability(report: Report) -> str:
    watch = report.stability
    if watch is None:
        return "not watched"
    if watch.state is WatchState.PENDING:
        return f"being watched until {time(watch.until)}"
    if watch.state is WatchState.HELD:
        return f"held until {time(watch.until)} ({watch.samples} looks at every check)"
    return f"{watch.state.value}: {text(watch.note)}"


def _milestones(report: Report) -> Iterator[str]:
    yield "## Times"
    yield ""
    yield "| reached | at |"
    yield "|---|---|"
    for stage in STAGES:
        at = getattr(report.milestones, stage)
        yield f"| {NAMES[stage]} | {time(at) if at else 'not known or not reached'} |"
    yield ""
    for one, other, seconds in durations(report.milestones):
        yield f"- {NAMES[one]} to {NAMES[other]}: {seconds:.1f} s"
    yield ""


def _verdict(report: Report) -> Iterator[str]:
    verdict = report.verdict
    if verdict is None:
        return
    yield "## Decision"
    yield ""
    yield f"**{verdict.decision.value}**, method {verdict.method or 'none'}."
    yield ""
    yield from (f"- {text(reason)}" for reason in verdict.reasons)
    yield ""
    yield "| question | answer | because |"
    yield "|---|---|---|"
    for branch in verdict.path:
        yield f"| {cell(branch.question)} | {cell(branch.answer)} | {cell(branch.because)} |"
    yield ""
    yield "| evidence | value | interval | n | source |"
    yield "|---|---|---|---|---|"
    for item in verdict.evidence:
        interval = f"{item.low:.3f} to {item.high:.3f}" if _both(item.low, item.high) else ""
        value = f"{item.value:.3f}" if isinstance(item.value, float) else item.value
        yield (
            f"| {cell(item.name)} | {cell(value)} | {interval} "
            f"| {'' if item.n is None else item.n} | {cell(item.source)} |"
        )
    yield ""


def _changes(report: Report) -> Iterator[str]:
    yield "## What was changed"
    yield ""
    begun = {record.step: record.state for record in report.steps if record.started_at}
    kinds = {step.partition(":")[0] for step in begun}
    if not kinds & _CHANGING:
        yield "Nothing."
    fate = "taken back" if "downgrade" in kinds else "stays applied"
    for move in report.run.plan.moves:
        state = begun.get(f"deploy:{move.service}")
        if state is None:
            continue
        halfway = "" if state is StepState.DONE else ": begun, not finished; see what runs"
        to = f"to {code(move.target)}" if move.drop is None else text(move.goal)
        yield (
            f"- **{text(move.service)}**: {code(move.origin)} {to} "
            f"by {move.method.value} ({text(move.driver)}){halfway}"
        )
        yield from (
            f"  - dropped with it: {code(line.commit)} {text(line.subject)}"
            for line in move.dropped
        )
        yield from (f"  - {fate}: migration `{text(name)}`" for name in move.migrations)
    yield from exchanged(report)
    yield from repaired(report.timeline)
    for service, commit in report.run.plan.holds.items():
        if begun.get(f"hold:{service}") is StepState.DONE:
            yield f"- **{text(service)}**: {code(commit)} is held; all that is built on it too"
    yield ""


def _steps(report: Report) -> Iterator[str]:
    yield "## Steps against the budget"
    yield ""
    yield "| step | outcome | attempts | planned s | actual s |"
    yield "|---|---|---|---|---|"
    records = {record.step: record for record in report.steps}
    for step in report.run.plan.steps:
        record = records.get(step.id)
        seconds = record.seconds if record else None
        actual = "" if seconds is None else f"{seconds:.2f}"
        state = record.state.value if record else "waiting"
        yield (
            f"| {cell(step.name)} | {state} | {record.attempt if record else 0} "
            f"| {step.estimate_s:.1f} | {actual} |"
        )
    for step_id, record in records.items():
        if record.outcome and record.outcome.error:
            yield ""
            words = f"{text(record.outcome.error)} {text(record.outcome.mend)}".rstrip()
            yield f"`{step_id}`: {words}"
    yield ""


def _proof(proof: Proof | None) -> Iterator[str]:
    yield "## Proof"
    yield ""
    if proof is None:
        yield "There is none: the run did not come so far."
        yield ""
        return
    yield f"{'Proven' if proof.proven else 'Not proven'} at {time(proof.at)}: `{proof.code}`."
    yield ""
    for service in proof.services:
        yield f"- **{text(service.service)}** ({service.scope}):"
        for address, version in service.answering.items():
            yield f"  - {text(address)} answered {code(version)}"
    yield from (f"- {text(problem.what)}" for problem in proof.problems)
    yield ""
    if proof.checks:
        yield "| check | ok | status | latency ms |"
        yield "|---|---|---|---|"
        for result in proof.checks:
            latency = "" if result.latency_ms is None else f"{result.latency_ms:.0f}"
            yield (
                f"| {cell(result.name)} | {'yes' if result.ok else 'no'} "
                f"| {cell(result.status)} | {latency} |"
            )
        yield ""
    yield from _signals(proof.signals_before, proof.signals_after)


def _signals(before: Iterable[Signal], after: Iterable[Signal]) -> Iterator[str]:
    former = {signal.name: signal for signal in before}
    for signal in after:
        old = former.get(signal.name)
        yield f"- {text(signal.name)}: {_share(old)} before, {_share(signal)} after"
    yield ""


def _share(signal: Signal | None) -> str:
    if signal is None or signal.value is None:
        return "not measured"
    return f"{signal.value:.1%} ({signal.failed} of {signal.n})"


def _timeline(report: Report) -> Iterator[str]:
    yield "## Timeline"
    yield ""
    yield "| at | what | by | evidence |"
    yield "|---|---|---|---|"
    for event in report.timeline:
        yield (
            f"| {time(event.at)} | {cell(event.text)} | {cell(event.actor)} "
            f"| event {event.seq} `{event.hash[:12]}` |"
        )


def _both(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None
