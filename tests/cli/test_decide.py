"""`decide` goes through the runbook's tree, and its verdicts are not only words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"


@pytest.fixture
def live(stack: Stack) -> Stack:
    """A release is live whose standing nobody knows, beside a known good one."""
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    return stack


@pytest.mark.parametrize(
    ("words", "verdict", "code"),
    [
        (("--affected", "60"), "rollback", 0),
        (("--affected", "60%"), "rollback", 0),
        (("--affected", "50"), "monitor", 0),
        (("--affected", "0"), "monitor", 0),
        (("--security",), "rollback", 0),
        (("--corruption",), "rollback", 0),
        (("--data-loss",), "rollback", 0),
        (("--affected", "10", "--security"), "rollback", 0),
        (("--outage", "11m"), "rollback", 0),
        (("--affected", "60", "--hotfix-in", "8m"), "hotfix", 0),
        (("--affected", "60", "--hotfix-in", "10m"), "rollback", 0),
    ],
)
def test_what_is_stated_is_the_trees_answer(
    live: Stack, words: tuple[str, ...], verdict: str, code: int
) -> None:
    live.fail(BAD)
    ran = live.run("decide", *words, "--json")
    assert (ran.code, ran.json["verdict"]) == (code, verdict), ran
    assert ran.json["reasons"]
    assert [branch["question"] for branch in ran.json["path"]]
    assert all(branch["because"] for branch in ran.json["path"])


def test_what_cannot_be_told_is_a_verdict_of_its_own(stack: Stack) -> None:
    """Nothing is deployed, nothing is watched, nobody says anything."""
    stack.environment["checks"].clear()
    for service in stack.environment["services"].values():
        service["checks"] = []
    stack.configure()
    ran = stack.run("decide", "--json")
    assert (ran.code, ran.json["verdict"]) == (7, "insufficient-evidence")
    shown = stack.run("decide")
    assert shown.code == 7
    assert "CANNOT TELL" in shown.out


@pytest.mark.parametrize(
    ("words", "method"),
    [(("--failed-deployment",), "ci"), (("--failed-migration",), "database"), ((), "auto")],
)
def test_what_failed_chooses_the_method(live: Stack, words: tuple[str, ...], method: str) -> None:
    ran = live.run("decide", "--affected", "60", *words, "--json")
    assert ran.json["method"] == method


def test_people_see_the_path_and_the_evidence(live: Stack) -> None:
    ran = live.run("decide", "--affected", "60")
    assert ran.code == 0
    assert "ROLL BACK" in ran.out
    assert "Are more than 50 % of the users affected?" in ran.said
    assert "60.0%" in ran.out
    assert "next: lastgood rollback" in ran.out


@pytest.mark.parametrize("said", ["nan", "-1", "101", "most", "", "60%%"])
def test_what_is_no_percentage_is_refused(stack: Stack, said: str) -> None:
    ran = stack.run("decide", f"--affected={said}")
    assert ran.code == 2
    assert "from 0 to 100" in ran.said


def test_an_instance_that_keeps_another_release_is_not_hidden_by_healthy_checks(
    live: Stack,
) -> None:
    other = live.instance("backend")
    other.keeps = GOOD
    live.service()["instances"] = [live.instances["backend"].base, other.base]
    live.configure()
    ran = live.run("decide", "--json")
    assert f"instances of backend answer different versions: {GOOD}, {BAD}" in ran.json["reasons"]


def test_times_are_no_shares(live: Stack) -> None:
    ran = live.run("decide", "--outage", "5m", "--hotfix-in", "20m")
    assert "outage_s: 5 min" in ran.said
    assert "hotfix_in_s: 20 min" in ran.said


def test_a_rollback_opens_the_incident_and_advice_is_not_action(live: Stack) -> None:
    assert live.run("decide", "--affected", "60").code == 0
    shown = live.run("incident", "show", "--json").json
    assert [event["kind"] for event in shown["timeline"]] == ["incident.opened", "verdict.given"]
    assert live.run("status", "--json").json["runs"] == []
    assert live.live() == BAD


def test_to_monitor_is_to_keep_a_checked_plan(live: Stack) -> None:
    assert live.run("decide", "--affected", "10").code == 0
    assert "is kept ready" in live.remembered()
    assert '"target":"1a1a1a1"' in live.remembered()


def test_to_monitor_says_when_there_is_nothing_to_keep(stack: Stack) -> None:
    stack.deploy(BAD)
    assert stack.run("decide", "--affected", "10").code == 0
    assert "no rollback is possible now" in stack.remembered()


def test_a_hotfix_starts_its_clock_and_is_judged_again(live: Stack) -> None:
    live.environment["policy"] = {"hotfix_under": "2s", "auto": "rollback"}
    live.configure()
    live.fail(BAD)
    ran = live.run("decide", "--affected", "60", "--hotfix-in", "1s", "--json")
    assert ran.json["verdict"] == "hotfix"
    assert live.run("status", "--json").json["watches"][0]["kind"] == "hotfix"

    live.wait(lambda: "hotfix.over" in live.remembered(), "the end of the hotfix's time")
    live.wait(lambda: live.remembered().count("verdict.given") == 2, "the second verdict")


def test_where_the_policy_says_so_a_verdict_is_carried_out(live: Stack) -> None:
    live.environment["policy"] = {"auto": "rollback"}
    live.configure()
    live.fail(BAD)
    ran = live.run("decide", "--affected", "60", "--json")
    assert (ran.code, ran.json["verdict"]) == (0, "rollback")
    live.wait(lambda: live.live() == GOOD, "the rollback")
    live.wait(lambda: not live.run("status", "--json").json["runs"], "its end")
    assert live.run("report", "--json").json["report"]["run"]["outcome"] == "recovered"
