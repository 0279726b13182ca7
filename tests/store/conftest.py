from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.model.plan import Move, Plan, PlanKind, Step, plan_digest
from lastgood.model.run import Run, RunState
from lastgood.model.verdict import Method
from lastgood.store.journal import new_run_id
from lastgood.store.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL = "sqlite:///state/state.db"
PROCESSES = Path(__file__).with_name("processes.py")


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 22, 10, 53, 1, 250_000, tzinfo=UTC)


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new state; made once, since Alembic takes its time."""
    folder = tmp_path_factory.mktemp("blank")
    State.open(URL, folder).close()
    return folder


@pytest.fixture
def base(blank: Path, tmp_path: Path) -> Path:
    """A folder with a new state."""
    shutil.copytree(blank, tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def state(base: Path) -> Iterator[State]:
    with State.open(URL, base) as opened:
        yield opened


@pytest.fixture
def plan(now: datetime) -> Plan:
    return Plan(
        id="plan-0123456789ab",
        kind=PlanKind.ROLLBACK,
        environment="production",
        made_at=now,
        method=Method.TREE,
        moves=(
            Move(
                service="backend",
                origin="b" * 40,
                target="a" * 40,
                method=Method.ARTIFACT,
                driver="releases",
            ),
        ),
        steps=(
            Step(id="lock", kind="lock", name="Take the lock"),
            Step(id="deploy:backend", kind="deploy", name="Deploy", service="backend"),
            Step(id="verify", kind="verify", name="Verify", after=("deploy:backend",)),
        ),
        estimate_s=5.0,
        budget_s=300.0,
    )


@pytest.fixture
def make_run(plan: Plan, now: datetime) -> Callable[..., Run]:
    def make(**changes: Any) -> Run:
        given = {
            "id": new_run_id(now),
            "environment": "production",
            "plan": plan,
            "plan_digest": plan_digest(plan),
            "epoch": 0,
            "state": RunState.OPEN,
            "by": "ada",
            "commanded_at": now,
        }
        return Run(**{**given, **changes})

    return make


@pytest.fixture
def processes() -> Callable[..., list[Any]]:
    """Many processes at once: what each of them said."""

    def run(act: str, base: Path, *arguments: object) -> list[Any]:
        told = [sys.executable, str(PROCESSES), act, str(base), *map(str, arguments)]
        done = subprocess.run(told, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
