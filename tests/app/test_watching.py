"""Soaks, stability and what follows from them, with the runner that keeps the watches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lastgood.testing.stack import Stack

OLD, GOOD, BAD = "0a0a0a0", "1a1a1a1", "2b2b2b2"


@pytest.fixture
def quick(stack: Stack) -> Stack:
    """A soak takes a second."""
    stack.environment["stability"] = "1s"
    stack.configure()
    return stack


def record(stack: Stack, commit: str, *services: str) -> None:
    for service in services or ("backend", "frontend"):
        words = ("deployment", "record", "--service", service, "--commit", commit, "--by", "ci")
        ran = stack.run(*words, "--json")
        assert ran.code == 0, ran


def release(stack: Stack, commit: str, service: str = "backend") -> dict[str, Any]:
    listed = stack.run("releases", "list", "--service", service, "--json").json["releases"]
    return next(found for found in listed if found["commit"] == commit)


def test_what_soaks_well_becomes_known_good_with_its_evidence(quick: Stack) -> None:
    quick.deploy(GOOD)
    record(quick, GOOD)
    assert release(quick, GOOD)["state"] == "candidate"

    services = ("backend", "frontend")
    quick.wait(
        lambda: {release(quick, GOOD, of)["state"] for of in services} == {"known-good"},
        "the promotions",
    )

    evidence = release(quick, GOOD)["evidence"]
    assert (evidence["kind"], evidence["checks"]) == ("soak", ["backend"])
    assert evidence["samples"] >= 1
    assert evidence["since"] < evidence["until"]
    quick.deploy(BAD)
    assert quick.run("plan", "--json").json["services"][0]["to"] == GOOD


def test_a_failing_check_prevents_it_and_only_advises(quick: Stack) -> None:
    quick.deploy(BAD)
    quick.fail(BAD)
    record(quick, BAD, "backend")
    quick.wait(lambda: "soak.regressed" in quick.remembered(), "the regression")
    quick.wait(lambda: "verdict.given" in quick.remembered(), "the verdict")
    assert release(quick, BAD)["state"] == "candidate"
    assert quick.run("status", "--json").json["runs"] == []


def test_a_regressed_soak_is_rolled_back_where_the_policy_says_so(quick: Stack) -> None:
    """Nobody gives a command: the release is recorded by CI, and taken back by the runner."""
    quick.environment["policy"] = {"auto": "rollback"}
    _with_users(quick, failed=9, all_=10)
    quick.build(GOOD)
    quick.good(GOOD)
    quick.deploy(BAD)
    quick.fail(BAD)
    record(quick, BAD)
    quick.wait(lambda: quick.live() == quick.live("frontend") == GOOD, "the rollback")
    _log_users(quick, failed=0, all_=10)  # now they are served again, which the proof waits for
    quick.wait(lambda: release(quick, BAD)["state"] == "bad", "its end")
    assert "rollback recovered in" in quick.remembered()


def test_users_who_fail_prevent_it_however_healthy_the_checks_are(quick: Stack) -> None:
    _with_users(quick, failed=9, all_=10)
    quick.deploy(BAD)
    record(quick, BAD, "backend")
    quick.wait(lambda: "soak.regressed" in quick.remembered(), "the regression")
    assert release(quick, BAD)["state"] == "candidate"
    assert "the soak of backend regressed: users_affected is 90% of 100" in quick.remembered()


def test_while_too_many_users_may_fail_it_waits(quick: Stack) -> None:
    _with_users(quick, failed=4, all_=10)  # that half of them fail is not excluded by so few
    quick.deploy(GOOD)
    record(quick, GOOD, "backend")
    quick.wait(lambda: (_watch(quick)["last_sample_at"] or "") > _watch(quick)["until"], "its time")
    assert release(quick, GOOD)["state"] == "candidate"
    assert "soak.regressed" not in quick.remembered()

    (quick.place / "access.log").write_text("")
    quick.wait(lambda: release(quick, GOOD)["state"] == "known-good", "the promotion")


def test_users_who_did_not_fail_before_it_prevent_it(quick: Stack) -> None:
    """Far from the policy's threshold, and hidden by all who were well in the same window."""
    _with_users(quick, failed=2, all_=10)
    log = quick.place / "access.log"
    well = {"ts": time.time() - 60, "status": 200}
    users = [json.dumps(well | {"user": f"former-{user}"}) for user in range(1000)]
    log.write_text("\n".join([*users, log.read_text(encoding="utf-8")]), encoding="utf-8")
    quick.deploy(BAD)
    record(quick, BAD, "backend")
    quick.wait(lambda: "soak.regressed" in quick.remembered(), "the regression")
    assert release(quick, BAD)["state"] == "candidate"
    assert "the soak of backend regressed: users_affected is worse than" in quick.remembered()


def test_an_open_incident_prevents_it(quick: Stack) -> None:
    assert quick.run("incident", "open", "users complain").code == 0
    quick.deploy(BAD)
    record(quick, BAD, "backend")
    quick.wait(lambda: "soak.regressed" in quick.remembered(), "the end of the soak")
    assert release(quick, BAD)["state"] == "candidate"


def test_what_nobody_looked_at_does_not_count(stack: Stack) -> None:
    """The runner was gone for longer than a gap may be: the period begins again."""
    stack.environment["stability"] = "11s"
    stack.configure()
    stack.deploy(GOOD)
    record(stack, GOOD, "backend")
    stack.wait(lambda: _watch(stack)["samples"] > 1, "the first looks")
    first = _watch(stack)
    stack.end_runner()
    time.sleep(10.5)  # a gap is what is longer than ten seconds
    assert stack.run("deployment", "record", "--service", "frontend", "--commit", GOOD).code == 0

    stack.wait(lambda: _watch(stack)["since"] != first["since"], "the new beginning")
    assert _watch(stack)["until"] > first["until"]
    assert release(stack, GOOD)["state"] == "candidate"


def test_where_no_check_could_show_anything_nothing_is_watched(quick: Stack) -> None:
    """A watch without a check would never be over, and its runner would never end."""
    quick.environment["checks"] = {}
    for service in ("backend", "frontend"):
        quick.service(service)["checks"] = []
    quick.configure()
    quick.build(GOOD)
    quick.deploy(BAD)
    record(quick, BAD)
    assert release(quick, BAD)["state"] == "candidate"
    assert quick.run("status", "--json").json["watches"] == []
    quick.good(GOOD)
    assert quick.rollback().json["outcome"] == "recovered"
    assert quick.run("status", "--json").json["watches"] == []
    quick.wait(lambda: not quick.run("status", "--json").json["runner"], "the runner's end")


def test_a_new_deployment_takes_the_soaks_place(stack: Stack) -> None:
    stack.deploy(GOOD)
    record(stack, GOOD, "backend")
    stack.deploy(BAD)
    record(stack, BAD, "backend")
    watches = stack.run("status", "--json").json["watches"]
    assert [watch["subject"] for watch in watches] == [BAD]


def test_what_was_bad_is_not_made_better_by_a_deployment(quick: Stack) -> None:
    quick.deploy(BAD)
    words = ("releases", "mark", BAD, "bad", "--service", "backend", "--reason", "it leaks")
    assert quick.run(*words).code == 0
    record(quick, BAD, "backend")
    assert release(quick, BAD)["state"] == "bad"
    assert quick.run("status", "--json").json["watches"] == []


def test_old_releases_go_and_possible_targets_stay(quick: Stack) -> None:
    quick.service()["deploy"]["keep"] = 1
    quick.configure()
    for old in (OLD, "0b0b0b0"):
        quick.build(old)
    quick.build(GOOD)
    quick.good(GOOD, services=("backend",))
    quick.deploy("3c3c3c3")
    record(quick, "3c3c3c3", "backend")
    kept = quick.folder("backend") / "releases"
    quick.wait(lambda: not (kept / OLD).exists(), "the pruning")
    quick.wait(lambda: "releases.pruned" in quick.remembered(), "its record")
    assert {path.name for path in kept.iterdir()} == {GOOD, "3c3c3c3"}


def test_stability_holds_and_the_report_says_so(quick: Stack) -> None:
    quick.build(GOOD)
    quick.good(GOOD)
    quick.deploy(BAD)
    path = Path(quick.rollback().json["report"])
    quick.wait(lambda: "stability.held" in quick.remembered(), "stability")
    quick.wait(lambda: "Stability: held" in path.read_text(encoding="utf-8"), "the report")
    times = json.loads(path.with_suffix(".json").read_text())["milestones"]
    assert times["stable"] > times["mitigated"]


def test_a_regression_after_a_rollback_is_an_incident_again(stack: Stack) -> None:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    path = Path(stack.rollback().json["report"])
    former = stack.run("incident", "resolve", "--json").json["id"]

    stack.fail(GOOD)

    stack.wait(lambda: "stability.regressed" in stack.remembered(), "the regression")
    stack.wait(lambda: stack.run("incident", "show", "--json").code == 0, "the incident")
    title = stack.run("incident", "show", "--json").json["incident"]["title"]
    assert former in title
    stack.wait(lambda: "Stability: regressed" in path.read_text(encoding="utf-8"), "the report")


def test_what_failed_before_the_rollback_does_not_count_against_it(stack: Stack) -> None:
    """A runner that watches already has seen the bad release fail, and looks once a second."""
    stack.environment["checks"]["backend"] |= {"every": "1s", "recover_after": 3}
    stack.configure()
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    stack.fail(BAD)
    stack.instances["frontend"].sick.clear()
    record(stack, BAD, "frontend")
    stack.wait(lambda: _stability_or_soak(stack)["samples"], "the first looks")
    time.sleep(1.2)  # the backend is looked at, too

    assert stack.rollback("--service", "backend").json["outcome"] == "recovered"

    stack.wait(lambda: _stability_or_soak(stack)["kind"] == "stability", "the watch")
    stack.wait(lambda: _stability_or_soak(stack)["samples"], "its first good look")
    assert "stability.regressed" not in stack.remembered()


def test_an_instance_that_answers_the_bad_release_again_is_no_stability(stack: Stack) -> None:
    """It is as healthy as the bad release was, and `current` names the good one."""
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    assert stack.rollback().code == 0

    stack.instances["backend"].keeps = BAD

    stack.wait(lambda: "stability.regressed" in stack.remembered(), "the regression")
    assert f"answers {BAD} again" in stack.remembered()
    assert stack.run("status", "--json").json["incident"] is not None


def test_users_who_fail_after_a_rollback_are_no_stability(stack: Stack) -> None:
    """Every check is healthy, as it was of the bad release."""
    log = stack.place / "access.log"
    stack.environment["signals"] = {
        "users_affected": {
            "driver": "access-log", "path": str(log), "user": "user", "window": "1s",
        }
    }  # fmt: skip
    stack.configure()
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    assert stack.rollback().json["outcome"] == "recovered"

    begin = time.time()
    lines = [
        json.dumps({"ts": begin + half / 2, "status": 500, "user": f"user-{user}"})
        for half in range(240)
        for user in range(20)
    ]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")

    stack.wait(lambda: "stability.regressed" in stack.remembered(), "the regression")
    assert "stability regressed: users_affected is 100% of 20" in stack.remembered()


def _stability_or_soak(stack: Stack) -> dict[str, Any]:
    (watch,) = stack.run("status", "--json").json["watches"]
    return dict(watch)


def _watch(stack: Stack) -> dict[str, Any]:
    watches = stack.run("status", "--json").json["watches"]
    return next(watch for watch in watches if watch["service"] == "backend")


def _with_users(stack: Stack, *, failed: int, all_: int) -> None:
    """The share of users affected is measured, and so many of them fail."""
    log = _log_users(stack, failed=failed, all_=all_)
    stack.environment["signals"] = {
        "users_affected": {
            "driver": "access-log",
            "path": str(log),
            "user": "user",
            "window": "10m",
        }
    }
    stack.configure()


def _log_users(stack: Stack, *, failed: int, all_: int) -> Path:
    """An access log with one request of each user, made a moment from now."""
    lines = []
    for user in range(all_ * 10):
        status = 500 if user < failed * 10 else 200
        line = {"ts": time.time() + 2, "status": status, "user": f"user-{user}"}
        lines.append(json.dumps(line))
    log, new = stack.place / "access.log", stack.place / "access.new"
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return new.replace(log)
