"""What may still go wrong: an instance that keeps the old release, a regression."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.demo.production import Fault
from lastgood.demo.supervision import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("production"),
    pytest.mark.timeout(600),
]

SOME_USERS = Fault("errors", share=0.6)

FIRST_INSTANCE_ONLY = """
import sys
from pathlib import Path
from lastgood.demo.layout import Layout
from lastgood.demo.supervision import Supervisor
Supervisor(Layout.load(Path(sys.argv[1]))).signal("backend-1", "HUP")
"""


def test_an_instance_that_keeps_the_bad_release_is_named_and_mended(team: Any) -> None:
    bad = team.ships(SOME_USERS)
    root = str(team.production.layout.root)
    team.configure_backend(restart=[sys.executable, "-P", "-c", FIRST_INSTANCE_ONLY, root])

    back = team.rolls_back("--service", "backend")

    assert back.code == 1, back
    assert (back.json["outcome"], back.json["code"]) == ("failed", "wrong-version")
    old = team.production.instances[1]
    assert old in back.err
    (backend,) = back.json["proof"]["services"]
    assert backend["answering"][old] == bad
    told = Path(back.json["report"]).read_text(encoding="utf-8")
    assert f"{old} answered `{bad[:12]}`" in told

    team.configure_backend(restart=team.production.restart_command("backend"))
    again = team.rolls_back("--service", "backend", "--to", team.good["backend"])

    assert again.code == 0, again
    (backend,) = again.json["proof"]["services"]
    assert set(backend["answering"].values()) == {team.good["backend"]}


def test_a_regression_while_stability_is_watched_opens_an_incident(
    team: Any, eventually: Callable[..., None]
) -> None:
    team.ships(SOME_USERS)
    back = team.rolls_back("--reason", "errors")
    assert back.code == 0, back
    assert back.json["stability"]["state"] == "pending"
    # Somebody believes that it is over.
    closed = team.types("incident", "resolve", "--note", "it is over")
    assert closed.code == 0, closed
    supervisor = Supervisor(team.production.layout)

    supervisor.stop("database")
    try:
        eventually(lambda: "regressed after" in team.types("incident", "list", "--json").out)
    finally:
        supervisor.start("database")

    assert back.json["run"] in team.types("incident", "list", "--json").out
    assert "regressed" in team.types("report", back.json["run"]).out
    eventually(lambda: team.types("check").code == 0)
