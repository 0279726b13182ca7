"""A rollback and its undo, from the shell: what is asked, what is done, what is said."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lastgood.testing.stack import Ran, Stack

GOOD, OTHER, BAD = "1a1a1a1", "1b1b1b1", "2b2b2b2"


@pytest.fixture
def broken(stack: Stack) -> Stack:
    """A known good release is kept, a bad one is live; nothing was ever recorded of it."""
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    stack.fail(BAD)
    return stack


def codes(ran: Ran) -> list[str]:
    return [problem["code"] for problem in ran.json["refusals"] + ran.json["warnings"]]


def test_a_bad_release_is_rolled_back_proven_held_and_reported(broken: Stack) -> None:
    ran = broken.rollback("--reason", "it answers with errors")

    assert ran.code == 0, ran
    assert {"run", "plan", "seconds", "budget_s", "code"} <= ran.json.keys()
    assert (ran.json["environment"], ran.json["outcome"]) == ("production", "recovered")
    assert ran.json["within_budget"] is True
    assert ran.json["stability"]["state"] == "pending"
    assert ran.json["stability"]["until"]
    for step in ran.json["steps"]:
        assert step.keys() >= {"id", "name", "outcome", "attempts", "seconds"}
        assert step["outcome"] == "done"
    assert all(service["proven"] for service in ran.json["proof"]["services"])
    assert broken.live("backend") == broken.live("frontend") == GOOD
    held = broken.run("hold", "show", "--json").json["holds"]
    assert {(hold["service"], hold["commit"]) for hold in held} == {
        ("backend", BAD),
        ("frontend", BAD),
    }
    releases = broken.run("releases", "list", "--json").json["releases"]
    assert {(r["commit"], r["state"]) for r in releases} == {(GOOD, "known-good"), (BAD, "bad")}
    _is_told(broken, ran.json)


def _is_told(stack: Stack, document: dict[str, Any]) -> None:
    """The report says what the run did; only its owner reads it."""
    path = Path(document["report"])
    told = path.read_text(encoding="utf-8")
    for words in (
        document["run"],
        "Recovered",
        "it answers with errors",
        *("impact start", "detected", "decided", "started", "mitigated", "stable"),
        f"`{BAD}` to `{GOOD}` by artifact",
        "Proven at",
        f"answered `{GOOD}`",
        "Steps against the budget",
        "Timeline",
        "Data loss: none",
    ):
        assert words in told
    assert json.loads(path.with_suffix(".json").read_text())["run"]["id"] == document["run"]
    for file in (path, path.with_suffix(".json"), stack.state / "state.db"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.state.stat().st_mode) == 0o700


def test_once_more_there_is_nothing_to_do(broken: Stack) -> None:
    assert broken.rollback().code == 0
    before = broken.on_disk()

    again = broken.rollback()

    assert again.code == 5
    assert again.json["error"]["code"] == "nothing-to-do"
    assert broken.on_disk() == before


def test_undo_puts_back_and_lifts_the_hold_and_another_undo_goes_forth_again(broken: Stack) -> None:
    assert broken.rollback().code == 0
    for instance in broken.instances.values():
        instance.sick.clear()

    undone = broken.run(
        "undo", "--confirm", "production", "--reason", "it was not the release", "--json"
    )

    assert undone.code == 0, undone
    assert undone.json["outcome"] == "recovered"
    assert broken.live() == BAD
    assert broken.run("hold", "show", "--json").json["holds"] == []
    listed = broken.run("releases", "list", "--service", "backend", "--json").json["releases"]
    (back,) = (release for release in listed if release["commit"] == BAD)
    assert (back["state"], back["live"]) == ("candidate", True)
    assert "it was not the release" in back["evidence"]["reason"]
    again = broken.run("undo", "--confirm", "production", "--json")
    assert again.code == 0, again
    assert broken.live() == GOOD


def test_there_is_nothing_to_undo(stack: Stack) -> None:
    stack.deploy(GOOD)
    ran = stack.run("undo", "--confirm", "production", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (5, "nothing-to-undo")


def test_a_recovery_over_the_budget_is_one_but_not_a_good_one(broken: Stack) -> None:
    broken.environment["budget"] = "0.01s"
    broken.configure()
    ran = broken.rollback()
    assert ran.code == 6
    assert ran.json["outcome"] == "recovered"
    assert ran.json["within_budget"] is False
    assert "over budget" in Path(ran.json["report"]).read_text(encoding="utf-8")


def test_nothing_is_known_good_yet(stack: Stack) -> None:
    stack.build(GOOD)
    stack.deploy(BAD)
    ran = stack.rollback()
    assert (ran.code, ran.json["error"]["code"]) == (5, "nothing-known-good")
    assert "lastgood releases import" in ran.json["error"]["mend"]
    assert "releases mark" in ran.json["error"]["mend"]
    assert stack.live() == BAD


def test_an_unknown_revision_is_no_guess(broken: Stack) -> None:
    ran = broken.rollback("--to", "nonsense")
    assert (ran.code, ran.json["error"]["code"]) == (5, "unknown-revision")
    assert GOOD in ran.json["error"]["cause"]


def test_a_named_release_of_unknown_standing_is_taken_with_a_warning(broken: Stack) -> None:
    broken.build(OTHER)
    shown = broken.run("plan", "--to", OTHER, "--json")
    assert shown.code == 0
    assert "unknown-standing" in codes(shown)
    assert {(s["from"], s["to"]) for s in shown.json["services"]} == {(BAD, OTHER)}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("releases", "mark", OTHER, "bad"), "target-bad"),
        (("hold", "set", OTHER), "target-held"),
    ],
)
def test_a_bad_or_held_release_is_never_a_target(
    broken: Stack, words: tuple[str, ...], code: str
) -> None:
    broken.build(OTHER)
    assert broken.run(*words, "--service", "backend", "--reason", "it leaks").code == 0
    ran = broken.rollback("--to", f"backend={OTHER}")
    assert (ran.code, ran.json["error"]["code"]) == (5, code)
    assert "it leaks" in ran.json["error"]["message"]
    assert broken.live() == BAD


def test_each_service_goes_where_it_is_told(broken: Stack) -> None:
    broken.build(OTHER)
    shown = broken.run("plan", "--to", f"backend={OTHER}", "--to", f"frontend={GOOD}", "--json")
    assert shown.code == 0
    assert {(s["name"], s["to"]) for s in shown.json["services"]} == {
        ("backend", OTHER),
        ("frontend", GOOD),
    }
    only = broken.run("plan", "--to", f"backend={GOOD}", "--json")
    assert [s["name"] for s in only.json["services"]] == ["backend"]


def test_a_release_that_vanished_is_passed_over(broken: Stack) -> None:
    """The newest known good one is gone: the next is taken, and the plan says why."""
    broken.build(OTHER)
    broken.good(OTHER)
    (broken.folder("backend") / "releases" / OTHER / "app").unlink()
    (broken.folder("backend") / "releases" / OTHER).rmdir()

    shown = broken.run("plan", "--service", "backend", "--json")

    assert shown.code == 0
    assert shown.json["services"][0]["to"] == GOOD
    assert any(OTHER in problem["what"] for problem in shown.json["warnings"])


def test_the_only_good_release_vanished(broken: Stack) -> None:
    for service in ("backend", "frontend"):
        (broken.folder(service) / "releases" / GOOD / "app").unlink()
        (broken.folder(service) / "releases" / GOOD).rmdir()
    ran = broken.rollback()
    assert ran.code == 5
    assert GOOD in ran.json["error"]["message"]
    assert ran.json["error"]["mend"]
    assert broken.live() == BAD


def test_a_method_that_no_driver_has_is_refused(broken: Stack) -> None:
    ran = broken.rollback("--method", "tree")
    assert ran.code == 5
    assert "no deploy driver has such a way" in ran.json["error"]["message"]
    assert broken.live() == BAD


def test_people_are_told_in_words(broken: Stack) -> None:
    ran = broken.run("rollback", "--confirm", "production")
    assert ran.code == 0, ran
    assert "recovered production in" in ran.said
    assert "report: " in ran.out
    assert "next: lastgood watch" in ran.out
    assert f"{BAD} -> {GOOD} by artifact" in ran.err
    status = broken.run("status")
    assert status.code == 0
    assert GOOD in status.out
    assert "held: backend" in status.out


def test_half_a_deployment_is_taken_back_and_the_rest_left_alone(stack: Stack) -> None:
    """The workflow failed between its two jobs: only the backend is new."""
    stack.deploy(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD, services=("backend",))
    stack.instances["backend"].sick.add(BAD)
    ran = stack.rollback()
    assert ran.code == 0, ran
    assert [service["service"] for service in ran.json["proof"]["services"]] == ["backend"]
    assert stack.live("backend") == stack.live("frontend") == GOOD
    held = stack.run("hold", "show", "--json").json["holds"]
    assert [hold["service"] for hold in held] == ["backend"]


def test_of_databases_only_what_is_code_is_done(broken: Stack) -> None:
    before = broken.remembered(), broken.on_disk()
    ran = broken.rollback("--with-database")
    assert (ran.code, ran.json["error"]["code"]) == (5, "method-impossible")
    assert (broken.remembered(), broken.on_disk()) == before

    ran = broken.rollback("--without-database", "--accept-loss", "unknown")
    assert (ran.code, ran.json["outcome"]) == (0, "recovered")


def test_without_a_reason_nothing_is_made_up(broken: Stack) -> None:
    assert broken.rollback().code == 0
    ran = broken.run("gate", BAD, "--json")
    assert ran.code == 5
    assert ran.json["error"]["cause"].endswith("rolled back from it: no reason was given")


def test_what_came_back_is_not_called_nothing(broken: Stack) -> None:
    assert "nothing known good" not in broken.run("status").said
    assert broken.rollback().code == 0
    assert "nothing else known good" in broken.run("status").said
    assert (
        broken.run(
            "releases", "mark", GOOD, "bad", "--service", "backend", "--reason", "it leaks"
        ).code
        == 0
    )
    assert "nothing known good" in broken.run("status").said
