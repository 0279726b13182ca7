"""What orchestration costs: a plan of twelve steps that do nothing.

Beside plain function calls, which remember nothing, and beside the least that any journal must do:
two commits to a SQLite file for each step.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.nothing import PLAN, NothingHandler
from bench.table import Row

from lastgood.app.project import Project, now
from lastgood.app.runs.submitting import submit
from lastgood.engine.direct.engine import DirectEngine
from lastgood.engine.direct.spawn import depose, ensure_runner, take_runner_lock
from lastgood.errors import LastgoodError
from lastgood.model.run import Outcome, RunState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 5
PATIENCE_S = 60.0
SERVICES = 4
PLAIN = "12 function calls"
JOURNAL = "24 commits to SQLite"
CHILDREN = "12 times /bin/true"
NOTHING = """\
version: 1
project: bench
state: sqlite:///state/state.db
environments:
  production:
    stability: 1s
"""


def rows() -> Iterator[Row]:
    """In this process; through the runner; from the shell prompt."""
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder:
        place = Path(folder)
        plain, journal, children = _plain(), _journal(place), _children()
        engine, engine_cpu = _in_process(place / "engine")
        yield Row("12 no-op steps, engine in this process, CPU", engine_cpu, PLAIN, plain)
        yield Row("12 no-op steps, engine in this process", engine, JOURNAL, journal)
        runner = _through_runner(place / "runner")
        yield Row("12 no-op steps, submitted to a living runner", runner, JOURNAL, journal)
        steps, prompt = _from_the_prompt(place / "prompt")
        what = f"`lastgood rollback` from the prompt, {steps} steps, {SERVICES} services by `cp`"
        yield Row(what, prompt, CHILDREN, children)


def best(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The shortest of some rounds, in seconds: the one that the machine disturbed least."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)


def _plain() -> float:
    handler = NothingHandler()

    async def walk() -> None:
        for step in PLAN.steps:
            await handler.inspect(step)

    return best(lambda: asyncio.run(walk())) - best(lambda: asyncio.run(asyncio.sleep(0)))


def _journal(place: Path) -> float:
    with closing(sqlite3.connect(place / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE steps (step TEXT, state TEXT)")

        def write() -> None:
            for step in PLAN.steps:
                connection.execute("INSERT INTO steps VALUES (?, 'running')", (step.id,))
                connection.execute("UPDATE steps SET state = 'done' WHERE step = ?", (step.id,))

        return best(write)


def _children() -> float:
    def call() -> None:
        for _ in PLAN.steps:
            subprocess.run(["/bin/true"], check=True)

    return best(call)


def _project(folder: Path, text: str) -> Project:
    folder.mkdir()
    file = folder / "lastgood.yaml"
    file.write_text(text, encoding="utf-8")
    return Project.open(file)


def _in_process(folder: Path) -> tuple[float, float]:
    """The shortest of some runs by the engine, in a process that is up: wall seconds, CPU seconds.

    Most of the wall time is the disk's: what was done is on it before the next thing is begun.
    """
    project = _project(folder, NOTHING)
    times, cpu = [], []
    with _without_runner(project):
        for _ in range(ROUNDS):
            run = submit(project, PLAN, observation=None, verdict=None, commanded_at=now())
            handlers = {step.kind: NothingHandler() for step in PLAN.steps}
            engine = DirectEngine(project.state, run, handlers, project.masker, now)
            began, cpu_began = time.perf_counter(), time.process_time()
            asyncio.run(engine.carry_out())
            times.append(time.perf_counter() - began)
            cpu.append(time.process_time() - cpu_began)
            project.state.journal.end_run(run.id, outcome=Outcome.RECOVERED, code="", at=now())
            project.state.locks.break_lock(project.name, now())
    return min(times), min(cpu)


@contextmanager
def _without_runner(project: Project) -> Iterator[None]:
    """Hold the runner's lock, so that a submission starts none: we are it."""
    descriptor = take_runner_lock(project.state.folder)
    if descriptor is None:
        raise LastgoodError("a runner lives in a folder that was just made")
    try:
        yield
    finally:
        os.close(descriptor)
        project.state.close()


def _through_runner(folder: Path) -> float:
    """From the submission to the end as a reader of the state sees it; the runner is up."""
    project = _project(folder, NOTHING)
    command = [
        sys.executable, "-P", str(Path(__file__).with_name("nothing.py")),
        "--config", str(project.settings.file), "--env", project.name, "--linger", f"{PATIENCE_S}",
    ]  # fmt: skip
    ensure_runner(project.state.folder, command)
    try:
        _submitted(project)  # the first one waits for the runner to load
        return min(_submitted(project) for _ in range(ROUNDS))
    finally:
        depose(project.state.folder)
        project.state.close()


def _submitted(project: Project) -> float:
    began = time.perf_counter()
    run = submit(project, PLAN, observation=None, verdict=None, commanded_at=now())
    while project.state.journal.run(run.id).state is RunState.OPEN:
        if time.perf_counter() - began > PATIENCE_S:
            raise LastgoodError("the runner did not end its run", mend="read its runner.log")
        time.sleep(0.002)
    return time.perf_counter() - began


def _from_the_prompt(folder: Path) -> tuple[int, float]:
    """The whole command, with a cold runner and a real deploy tool; its steps and seconds."""
    services = "".join(
        f"      s{number}:\n"
        f"        deploy: {{driver: command, deploy: [cp, '{{commit}}', live-{number}],"
        f" current: [cat, live-{number}]}}\n"
        for number in range(SERVICES)
    )
    project = _project(folder, f"{NOTHING}    services:\n{services}")
    for name in ("r0", "r1", "r2"):
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    for number in range(SERVICES):
        (folder / f"live-{number}").write_text("r0\n", encoding="utf-8")
    times, steps = [], 0
    for target in ("r1", "r2"):
        began = time.perf_counter()
        ended = subprocess.run(
            [
                sys.executable, "-m", "lastgood", "rollback", "--config",
                str(project.settings.file), "--to", target, "--confirm", "production", "--json",
            ],
            check=True, timeout=PATIENCE_S, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        times.append(time.perf_counter() - began)
        steps = len(json.loads(ended.stdout)["steps"])
        depose(project.state_folder)
    return steps, min(times)
