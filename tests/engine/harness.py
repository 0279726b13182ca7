"""A runner of the real engine on a real state that is killed at one place, and then taken up.

    harness.py BASE STEP        kill at each place in STEP, run again, print what came of it

One process imports everything and forks a runner for each life, so that a life is cheap.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastgood import __version__
from lastgood.app.runs.settling import settle
from lastgood.engine.direct.engine import DirectEngine, claim
from lastgood.errors import ChildError, StepError
from lastgood.model.plan import Step
from lastgood.model.run import Run, RunState, StepOutcome, StepState
from lastgood.process.masking import Masker
from lastgood.store.state import State
from lastgood.testing.nouns import ENVIRONMENT
from lastgood.testing.plans import plan_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.ports.action import Action

RUN = "run-20260305-120000-abcd"
URL = "sqlite:///state.db"
DONE = StepOutcome(state=StepState.DONE)
PLAN = plan_of(
    Step(id="first", kind="write", name="first", attempts=3, backoff_s=0.01),
    Step(id="left", kind="write", name="left", after=("first",), attempts=3, backoff_s=0.01),
    Step(id="right", kind="write", name="right", after=("first",), attempts=3, backoff_s=0.01),
    Step(id="last", kind="write", name="last", after=("left", "right"), attempts=3, backoff_s=0.01),
)

# Both sides of the effect; what is killed goes on for a moment if it can, deaf to SIGTERM.
CHILD = """
trap '' TERM
place=$1 victims=$2 step=$3 effects=$4 killed=$5
strike() {
    [ "$place" = "$1" ] && [ ! -e "$killed" ] || return 0
    : > "$killed"
    case $victims in *guard*) guard=$PPID;; *) guard=;; esac
    case $victims in *runner*) runner=$6;; *) runner=;; esac
    case $victims in *child*) self=$$;; *) self=;; esac
    kill -9 $runner $guard $self
    sleep 0.1
}
strike before
echo "$step" >> "$effects"
strike after
"""


def now() -> datetime:
    return datetime.now(UTC)


class Killing:
    """Passes every call on to a part of the state, and may die before or after it."""

    def __init__(self, part: Any, point: Callable[[str], None]) -> None:
        self._part = part
        self._point = point

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            step = args[1] if name in {"start_step", "finish_step"} else "settle"
            self._point(f"{step}:before {name}")
            result = method(*args, **kwargs)
            self._point(f"{step}:after {name}")
            return result

        acts = {"start_step", "finish_step", "end_run", "release"}
        return call if name in acts else method


class Writing:
    """A step is done when its line is in the file; a child writes it."""

    def __init__(self, base: Path, place: str, point: Callable[[str], None]) -> None:
        self._base = base
        self._effects = base / "effects"
        self._place = place
        self._point = point

    async def inspect(self, step: Step) -> StepOutcome | None:
        self._point(f"{step.id}:before inspect")
        done = self._effects.exists() and step.id in self._effects.read_text().split()
        return DONE if done else None

    async def apply(self, step: Step, action: Action) -> None:
        self._point(f"{step.id}:before apply")
        action.fence()
        for place in ("before", "after"):
            for victims in ("runner", "guard", "child", "runner+guard", "runner+guard+child"):
                self._point(f"{step.id}:{place} effect, {victims}")
        of, _, rest = self._place.partition(":")
        place, _, victims = rest.partition(" effect, ") if of == step.id else ("", "", "")
        script = CHILD.replace("$6", str(os.getpid()))
        paths = (str(self._effects), str(self._base / "killed"))
        try:
            await action.children.run(
                ["sh", "-c", script, "sh", place, victims, step.id, *paths], timeout=60
            )
        except ChildError as error:
            raise StepError(error.message, cause=error.cause, retryable=True) from error
        self._point(f"{step.id}:after apply")

    async def confirm(self, step: Step, action: Action) -> StepOutcome:
        del step, action
        return DONE


def live(base: Path, place: str = "", points: list[str] | None = None) -> None:
    """One life of a runner: to the run's end, or to its own at that place."""

    def point(name: str) -> None:
        if points is not None:
            points.append(name)
        if name == place and " effect, " not in name:
            os.kill(os.getpid(), signal.SIGKILL)

    with State.open(URL, base) as state:
        run = claim(state, state.journal.run(RUN))
        state.journal = Killing(state.journal, point)  # type: ignore[assignment]  # passes all on
        state.locks = Killing(state.locks, point)  # type: ignore[assignment]  # likewise
        handlers = {"write": Writing(base, place, point)}
        outcomes = asyncio.run(DirectEngine(state, run, handlers, Masker(), now).carry_out())
        settle(state, run, outcomes, newest_proof=None, stability_s=60)


def create(base: Path) -> None:
    with State.open(URL, base) as state, state.transaction():
        at = now()
        lease = state.locks.take(ENVIRONMENT, RUN, "ada@laptop", at)
        run = Run(
            id=RUN,
            environment=ENVIRONMENT,
            plan=PLAN,
            plan_digest="",
            epoch=lease.epoch,
            state=RunState.OPEN,
            by="ada@laptop",
            commanded_at=at,
            tool_version=__version__,
        )
        state.journal.create_run(run)


def forked(act: Callable[[], None]) -> int:
    """Do it in a process of its own; its exit code, or the negative signal number."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        act()
    except BaseException:  # noqa: BLE001 - the parent sees the exit code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def alive(base: Path) -> list[str]:
    """What still runs of this base, by the paths in its arguments."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if f"{base}/".encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace")[-200:])
    return found


def state_of(base: Path) -> dict[str, Any]:
    with State.open(URL, base) as state:
        run = state.journal.run(RUN)
        return {
            "outcome": run.outcome,
            "steps": [record.state for record in state.journal.steps(RUN)],
            "locked_by": state.locks.get(ENVIRONMENT).run,
            "effects": (base / "effects").read_text().split(),
            "alive": alive(base),
            "guards": [path.name for path in (base / "guards").iterdir()],
            "ends": len([e for e in state.events.list(run=RUN) if e.kind == "run.ended"]),
        }


def places(base: Path, step: str) -> list[str]:
    """Where a run without any kill comes by, of this step."""
    found = base / "places"
    points: list[str] = []
    folder = base / "undisturbed"
    shutil.copytree(base / "template", folder)

    def tell() -> None:
        live(folder, points=points)
        found.write_text(json.dumps(points))

    if forked(tell):
        raise SystemExit("a run without any kill failed")
    return [name for name in json.loads(found.read_text()) if name.startswith(f"{step}:")]


def main() -> None:
    base, step = Path(sys.argv[1]), sys.argv[2]
    (base / "template").mkdir()
    if forked(lambda: create(base / "template")):
        raise SystemExit("no state")
    for number, place in enumerate(places(base, step)):
        folder = base / f"case-{number}"
        shutil.copytree(base / "template", folder)
        codes = [forked(lambda place=place, folder=folder: live(folder, place))]  # type: ignore[misc]  # the default binds it
        if codes[0] != 0:
            codes.append(forked(lambda folder=folder: live(folder)))  # type: ignore[misc]  # likewise
        forked(lambda folder=folder: (folder / "end").write_text(json.dumps(state_of(folder))))  # type: ignore[misc]  # likewise
        end = json.loads((folder / "end").read_text())
        sys.stdout.write(json.dumps({"place": place, "codes": codes, **end}) + "\n")


if __name__ == "__main__":
    main()
