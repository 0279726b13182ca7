"""A bad release goes back by each way there is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from lastgood.demo import remote
from lastgood.demo.production import Fault

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("production"),
    pytest.mark.timeout(600),
]

SOME_USERS = Fault("errors", share=0.6)
ALL_USERS = Fault("errors", share=1.0)


def proven(document: dict[str, Any]) -> dict[str, set[str]]:
    """What each service was shown to answer."""
    assert document["proof"]["proven"], document["proof"]
    return {
        service["service"]: set(service["answering"].values())
        for service in document["proof"]["services"]
    }


def test_by_the_kept_release_and_the_undo_brings_the_bad_one_again(team: Any) -> None:
    bad = team.ships(SOME_USERS)

    back = team.rolls_back("--reason", "customers see errors")

    assert back.code == 0, back
    assert back.json["outcome"] == "recovered"
    assert proven(back.json) == {s: {team.good[s]} for s in ("backend", "frontend")}
    backend = next(s for s in back.json["proof"]["services"] if s["service"] == "backend")
    assert set(backend["answering"]) == set(team.production.instances)
    assert team.types("gate", bad).code == 5
    assert team.types("rollback", "--to", bad, "--dry-run").code == 5

    undone = team.types(
        "undo", "--confirm", "production", "--reason", "it was the network", "--json"
    )

    assert undone.code == 0, undone
    assert proven(undone.json) == {"backend": {bad}, "frontend": {bad}}
    assert team.types("gate", bad).code == 0


def test_by_a_commit_with_the_good_tree_while_a_colleague_pushes_the_frontend(team: Any) -> None:
    bad = team.ships(ALL_USERS)
    assert team.types("check").code == 3
    pushed: list[str] = []

    def push_after_lastgood() -> None:
        while team.tip() == bad:
            threading.Event().wait(0.02)
        pushed.append(remote.commit(team.production.layout, ["frontend"], None, None))

    colleague = threading.Thread(target=push_after_lastgood, daemon=True)
    colleague.start()
    back = team.rolls_back("--service", "backend", "--method", "tree")
    colleague.join(60)

    assert back.code == 0, back
    theirs, ours = pushed[0], team.git("rev-parse", f"{pushed[0]}^").strip()
    assert proven(back.json)["backend"] <= {theirs, ours}
    for commit in (theirs, ours):
        assert team.git("diff", "--stat", team.good["backend"], commit, "--", "backend/") == ""
    assert team.git("rev-parse", f"{ours}^").strip() == bad
    assert team.production.wait_deployed(theirs).outcome == "deployed"
    assert team.types("check").code == 0


def test_by_dropping_one_commit_while_the_later_good_one_stays(team: Any) -> None:
    bad = team.ships(ALL_USERS, services=["backend"])
    later = team.ships(ALL_USERS, services=["frontend"])

    back = team.rolls_back("--drop", bad, "--service", "backend")

    assert back.code == 0, back
    made = team.tip()
    assert team.git("rev-parse", f"{made}^").strip() == later
    assert team.git("diff", "--name-only", later, made, "--", "frontend/") == ""
    assert team.git("diff", "--name-only", team.good["backend"], made, "--", "backend/") == ""
    assert proven(back.json)["backend"] == {made}
    assert team.types("check").code == 0


def test_after_a_deployment_that_failed_in_its_second_job(team: Any) -> None:
    half = team.ships(by_ci="failed", fail_job="frontend")
    assert (team.live("backend"), team.live("frontend")) == (half, team.good["frontend"])

    back = team.rolls_back("--reason", "half of it was deployed")

    assert back.code == 0, back
    assert {service: team.live(service) for service in team.good} == team.good
    assert team.types("check").code == 0


def test_of_one_service_only(team: Any) -> None:
    bad = team.ships(SOME_USERS)

    back = team.rolls_back("--service", "backend")

    assert back.code == 0, back
    assert proven(back.json) == {"backend": {team.good["backend"]}}
    assert (team.live("backend"), team.live("frontend")) == (team.good["backend"], bad)


def test_is_refused_with_a_new_plan_when_a_colleague_came_first(team: Any) -> None:
    bad = team.ships(SOME_USERS)
    theirs = _waits_to_be_pushed(team)
    comes_first = f"unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main {theirs}"

    with team.hooked("pre-receive", comes_first):
        refused = team.rolls_back("--service", "backend", "--method", "tree")

    assert refused.code != 0, refused
    assert refused.json["code"] == "push-race"
    assert team.tip() == theirs
    assert team.live("backend") == bad

    again = team.rolls_back("--service", "backend", "--method", "tree")

    assert again.code == 0, again
    assert team.git("rev-parse", f"{team.tip()}^").strip() == theirs


def _waits_to_be_pushed(team: Any) -> str:
    """A colleague's commit of the same service, on the tip but not yet on main."""
    layout = team.production.layout
    remote.git(layout.work, "fetch", "--quiet", "origin", "main")
    remote.git(layout.work, "reset", "--quiet", "--hard", "FETCH_HEAD")
    (layout.work / "backend" / "NOTES").write_text("a colleague's\n", encoding="utf-8")
    remote.git(layout.work, "add", "--all")
    remote.git(layout.work, "commit", "--quiet", "--message", "Note something")
    remote.git(layout.work, "push", "--quiet", "--force", "origin", "HEAD:refs/heads/theirs")
    return remote.git(layout.work, "rev-parse", "HEAD").strip()


def test_stays_held_for_ci_elsewhere_until_the_fix(team: Any, tmp_path: Path) -> None:
    bad = team.ships(SOME_USERS)
    assert team.rolls_back("--reason", "errors").code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lastgood.yaml").write_text(team.config.read_text("utf-8"), "utf-8")
    layout = team.production.layout
    built_on_it = remote.commit(layout, ["frontend"], {"kind": "errors"}, None)
    fix = remote.commit(layout, ["backend"], None, None)

    for commit in (bad, built_on_it, fix):
        assert team.types("gate", commit, folder=elsewhere).code == 5
    assert team.types("gate", team.good["backend"], folder=elsewhere).code == 0

    for service in ("backend", "frontend"):
        words = ("hold", "release", bad, "--service", service, "--fix", fix)
        assert team.types(*words, "--reason", "the bracket is back").code == 0

    assert team.types("gate", fix, folder=elsewhere).code == 0
    for commit in (bad, built_on_it):
        assert team.types("gate", commit, folder=elsewhere).code == 5
    assert team.production.wait_deployed(fix).outcome == "deployed"
