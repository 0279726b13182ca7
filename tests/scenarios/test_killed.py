"""kill -9 of lastgood while it works on real parts; then `lastgood resume`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.demo.production import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("production"),
    pytest.mark.timeout(600),
]

SOME_USERS = Fault("errors", share=0.6)

# Notes each call; the first one waits to be killed, before or after it did its work.
STOPS_ONCE = """
import subprocess, sys, time
from pathlib import Path
when, calls, *command = sys.argv[1:]
with Path(calls).open("a") as noted:
    first = noted.tell() == 0
    noted.write("called\\n")
if when == "after" or not first:
    subprocess.run(command, check=True)
if first:
    Path(calls + ".waits").touch()
    time.sleep(300)
"""


class Tool:
    """A command of the release's deployment that can be stopped in its first call."""

    def __init__(self, folder: Path, when: str, command: list[str]) -> None:
        self._calls = folder / "calls"
        self.argv = [sys.executable, "-c", STOPS_ONCE, when, str(self._calls), *command]

    def waits(self) -> bool:
        """Whether the first call is where it is to be killed."""
        return Path(f"{self._calls}.waits").exists()

    @property
    def calls(self) -> int:
        return len(self._calls.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("option", "when", "flipped"),
    [
        pytest.param("drain", "before", False, id="before the flip"),
        pytest.param("restart", "before", True, id="between flip and restart"),
        pytest.param("restart", "after", True, id="when the restart is done but not noted"),
    ],
)
def test_in_mid_deploy(
    team: Any,
    tmp_path: Path,
    eventually: Callable[..., None],
    option: str,
    when: str,
    *,
    flipped: bool,
) -> None:
    bad = team.ships(SOME_USERS)
    command = team.production.restart_command("backend") if option == "restart" else ["true"]
    tool = Tool(tmp_path, when, command)
    team.configure_backend(**{option: tool.argv})

    typed = team.begins("rollback", "--confirm", "production", "--service", "backend")
    eventually(tool.waits)
    team.kills_lastgood(typed)
    assert team.live("backend") == (team.good["backend"] if flipped else bad)

    resumed = team.types("resume", "--json")

    assert resumed.code == 0, resumed
    assert resumed.json["outcome"] == "recovered"
    assert tool.calls == 2
    (backend,) = resumed.json["proof"]["services"]
    assert set(backend["answering"].values()) == {team.good["backend"]}


@pytest.mark.parametrize("hook", ["pre-receive", "post-receive"])
def test_in_mid_push(team: Any, tmp_path: Path, eventually: Callable[..., None], hook: str) -> None:
    bad = team.ships(SOME_USERS)
    waits = tmp_path / "waits"

    with team.hooked(hook, f"touch {waits}; sleep 300"):
        typed = team.begins(
            *("rollback", "--confirm", "production", "--service", "backend", "--method", "tree")
        )
        eventually(waits.exists)
        team.kills_lastgood(typed)
    came_through = hook == "post-receive"
    assert (team.tip() != bad) is came_through
    if came_through:
        # The note for CI was killed with the hook; a person starts the deployment again.
        queue = team.production.layout.root / "deployer" / "queue"
        (queue / team.tip()).write_text(f"{team.tip()}\n", encoding="utf-8")

    resumed = team.types("resume", "--json")

    assert resumed.code == 0, resumed
    made = team.git("rev-list", f"{bad}..main").split()
    assert len(made) == 1
    (backend,) = resumed.json["proof"]["services"]
    assert set(backend["answering"].values()) == {made[0]}
