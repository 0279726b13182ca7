"""`lastgood demo` as a stranger runs it: it recovers, and leaves nothing behind however it ends.

Each demo is a production of its own: its beginning and its end are what is looked at.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from lastgood.demo.ending import take_down
from lastgood.demo.layout import Layout, layout_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("demos"),
    pytest.mark.timeout(900),
]

Demo = subprocess.Popen[str]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the demos of a test put everything they make, save their short directory in /tmp."""
    place = tmp_path / "tmp"
    place.mkdir()
    return place


@pytest.fixture
def begin(place: Path) -> Iterator[Callable[..., Demo]]:
    begun: list[Demo] = []

    def start(*words: str) -> Demo:
        # Under the alarm of a shell's time limit, so that nothing outlives a broken test.
        command = ["timeout", "--foreground", "800", sys.executable, "-P", "-m", "lastgood", "demo"]
        demo = subprocess.Popen(
            [*command, *words],
            env=os.environ | {"TMPDIR": str(place), "NO_COLOR": "1", "COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(demo)
        return demo

    yield start
    for demo in begun:
        demo.terminate()
        demo.communicate()
    for root in place.glob("lastgood-demo-*"):
        if layout_file(root).exists():  # one that was kept, in a test that failed
            take_down(root)


def left_in(place: Path, layout: Layout) -> list[str]:
    """What is there still: files, and processes that mention one of the demo's places."""
    found = [str(path) for path in (*place.glob("lastgood-demo-*[!d]"), layout.home)
             if path.exists()]  # fmt: skip
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            said = (process / "cmdline").read_bytes() + os.fsencode((process / "cwd").readlink())
            if os.fsencode(layout.root) in said or os.fsencode(layout.home) in said:
                found.append(f"{process.name}: {said[:200]!r}")
    return found


def layout_in(place: Path) -> Layout | None:
    """The production that a demo made in this place."""
    for root in place.glob("lastgood-demo-*"):
        if layout_file(root).exists():
            return Layout.load(root)
    return None


def read_until(demo: Demo, words: str) -> None:
    """Read what the demo tells until it says these words."""
    assert demo.stderr
    told = ""
    while words not in told:
        line = demo.stderr.readline()
        assert line, told
        told += line


def nothing_is_left(place: Path, layout: Layout, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while left := left_in(place, layout):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def has_recovered(document: dict[str, Any], method: str) -> None:
    assert document["outcome"] == "recovered", document
    assert document["within_budget"] is True
    assert document["seconds"] < document["budget_s"] == 300
    assert document["stability"]["state"] == "held"
    assert {step["outcome"] for step in document["steps"]} == {"done"}
    services = {service["service"]: service for service in document["proof"]["services"]}
    assert services.keys() == {"backend", "frontend"}
    assert all(service["proven"] for service in services.values())
    assert len(services["backend"]["answering"]) == 2
    assert document["traffic"]["before"]["failed"] > 0
    assert document["traffic"]["after"]["requests"] > 0
    assert document["traffic"]["after"]["failed"] == 0
    backups = document["backups"]
    assert len({backup["id"] for backup in backups}) == 3
    for backup in backups:
        assert backup["kind"] == "before-deploy"
        assert backup["verified_at"] > backup["created_at"]
        assert len(backup["recipients"]) == 2
    # The first is made of a database that no release has been at yet.
    assert [backup["rows"] > 0 for backup in backups] == [False, True, True]
    orders = document["orders"]
    assert orders["accepted"] > orders["lost"] > 0
    assert orders["still_lost"] == 0
    (users,) = [table for table in orders["salvage"]["tables"] if table["table"] == "public.users"]
    assert [conflict["why"] for conflict in users["conflicts"]] == ["taken"]
    told = Path(document["report"]).read_text(encoding="utf-8")
    assert document["run"] in told
    assert f"by {method}" in told
    for part in ("Summary", "Times", "Decision", "What was changed", "Proof", "Timeline"):
        assert f"## {part}" in told


def test_two_side_by_side_recover_each_by_its_own_way(
    begin: Callable[..., Demo], place: Path
) -> None:
    demos = {method: begin("--json", "--method", method) for method in ("artifact", "tree")}

    for method, demo in demos.items():
        out, err = demo.communicate()
        assert demo.returncode == 0, err
        has_recovered(json.loads(out), method)
    assert [path.suffix for path in place.iterdir()] == [".md", ".md"]


def test_one_that_is_kept_can_be_tried_and_is_taken_down_on_demand(
    begin: Callable[..., Demo], place: Path
) -> None:
    demo = begin("--keep", "--method", "drop")
    out, err = demo.communicate()
    assert demo.returncode == 0, err
    assert "recovered production in 0:" in out
    for words in ("bad release", "after the proof", "report:", "proven: production is back"):
        assert words in out
    layout = layout_in(place)
    assert layout is not None
    assert f"lastgood demo --stop {layout.root}" in err

    command = [sys.executable, "-P", "-m", "lastgood"]
    status = subprocess.run(
        [*command, "status", "--json"], cwd=layout.root / "project", check=True, capture_output=True
    )
    assert json.loads(status.stdout)["services"]
    listed = subprocess.run(
        [*command, "backup", "list", "--json"],
        cwd=layout.root / "project",
        check=True,
        capture_output=True,
    )
    assert len(json.loads(listed.stdout)["backups"]) == 3
    with psycopg.connect(layout.dsn("postgres")) as connection:
        databases = connection.execute("SELECT datname FROM pg_database").fetchall()
    names = {name for (name,) in databases}
    replaced = {name for name in names if name.startswith("shop__lgq_")}
    assert names - replaced == {"postgres", "shop", "template0", "template1"}
    assert len(replaced) == 1
    subprocess.run([*command, "demo", "--stop", str(layout.root)], check=True, capture_output=True)

    nothing_is_left(place, layout)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(signal.SIGINT, "A small web shop is up", id="Ctrl-C before traffic"),
        pytest.param(signal.SIGTERM, "users come", id="terminated while a release soaks"),
        pytest.param(signal.SIGKILL, "carries the plan out", id="killed in mid-rollback"),
    ],
)
def test_nothing_is_left_when_it_is_ended(
    begin: Callable[..., Demo], place: Path, number: signal.Signals, words: str
) -> None:
    demo = begin()
    read_until(demo, words)
    layout = layout_in(place)
    assert layout is not None
    (demo_pid,) = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text("utf-8").split()

    os.kill(int(demo_pid), number)
    demo.communicate()

    if number != signal.SIGKILL:
        assert demo.returncode == 130
    nothing_is_left(place, layout)


def test_a_part_that_dies_for_good_ends_it_with_a_clear_word(
    begin: Callable[..., Demo], place: Path
) -> None:
    demo = begin("--json")
    read_until(demo, "users come")
    layout = layout_in(place)
    assert layout is not None

    os.kill(int((layout.home / "supervisor.pid").read_text(encoding="utf-8")), signal.SIGKILL)
    out, _ = demo.communicate()

    assert demo.returncode == 1
    assert json.loads(out)["error"]["code"] in {"demo-gone", "demo-soak"}
    nothing_is_left(place, layout)


@pytest.mark.parametrize("method", ["ci", "database"])
def test_a_way_that_it_does_not_have_is_refused_before_anything_is_started(
    begin: Callable[..., Demo], place: Path, method: str
) -> None:
    demo = begin("--json", "--method", method)
    out, err = demo.communicate()

    assert demo.returncode == 5, err
    error = json.loads(out)["error"]
    assert error["code"] == "method-impossible"
    assert "artifact" in error["mend"]
    assert list(place.iterdir()) == []
