"""`--json`: one document on stdout and nothing else, with the keys that programs rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lastgood.testing.stack import Ran, Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"
REASON = ("--reason", "for the record")
STEP = {"id", "name", "kind", "after", "estimate_s"}
PLAN = {
    *("id", "environment", "method", "services", "steps", "estimate_s", "budget_s"),
    *("fits_budget", "loss", "warnings", "refusals"),
}


@pytest.fixture
def broken(stack: Stack) -> Stack:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    return stack


def document(ran: Ran, code: int = 0) -> dict[str, Any]:
    """What stands on stdout: one JSON object, indented, with nothing before or after."""
    assert ran.code == code, ran
    found = json.loads(ran.out)
    assert isinstance(found, dict)
    assert ran.out == json.dumps(found, indent=2) + "\n"
    return found


def test_check(broken: Stack) -> None:
    healthy = document(broken.run("check", "--json"))
    assert healthy.keys() >= {"environment", "healthy", "checks"}
    assert healthy["healthy"] is True
    broken.fail(BAD)
    sick = document(broken.run("check", "--service", "backend", "--json"), 3)
    assert sick["healthy"] is False
    assert [check["name"] for check in sick["checks"]] == ["backend"]
    (check,) = sick["checks"]
    assert check.keys() >= {
        *("name", "service", "ok", "status", "latency_ms", "version", "error"),
    }
    assert (check["service"], check["ok"], check["status"]) == ("backend", False, "500")


def test_releases(broken: Stack) -> None:
    imported = document(broken.run("releases", "import", "--json"))
    assert {release["commit"] for release in imported["releases"]} == {GOOD, BAD}
    listed = document(broken.run("releases", "list", "--json"))["releases"]
    for release in listed:
        assert release.keys() >= {
            *("id", "service", "commit", "deployed_at", "live", "state", "held", "evidence"),
        }
    good, bad = (next(r for r in listed if r["commit"] == c) for c in (GOOD, BAD))
    assert (good["state"], good["live"]) == ("known-good", False)
    assert good["evidence"]["reason"] == "it ran for weeks"
    assert (bad["state"], bad["live"], bad["held"]) == ("unknown", True, False)
    marked = document(
        broken.run("releases", "mark", BAD, "bad", "--service", "backend", *REASON, "--json")
    )
    assert marked["standing"] == "bad"


def test_deployments(broken: Stack) -> None:
    words = ("deployment", "record", "--service", "backend", "--commit", BAD, "--by", "ci")
    recorded = document(broken.run(*words, "--json"))
    assert recorded.items() >= {"service": "backend", "commit": BAD, "by": "ci"}.items()
    listed = document(broken.run("deployment", "list", "--json"))
    assert [item["commit"] for item in listed["deployments"]] == [BAD]


def test_decide(broken: Stack) -> None:
    said = document(broken.run("decide", "--affected", "60", "--json"))
    assert said.keys() >= {"environment", "verdict", "method", "reasons", "evidence", "path"}
    for item in said["evidence"]:
        assert item.keys() >= {"name", "value", "low", "high", "n", "source", "at"}


def test_plan(broken: Stack) -> None:
    plan = document(broken.run("plan", "--json"))
    assert plan.keys() >= PLAN
    assert all(service.keys() >= {"name", "from", "to"} for service in plan["services"])
    assert all(step.keys() >= STEP for step in plan["steps"])
    same = document(broken.run("rollback", "--dry-run", "--json"))
    assert same.keys() == plan.keys()
    refused = document(broken.run("plan", "--to", BAD, "--json"), 5)
    assert refused["refusals"][0]["code"] == "nothing-to-do"
    assert refused["steps"] == []


def test_holds_and_the_gate(broken: Stack) -> None:
    held = document(broken.run("hold", "set", BAD, "--service", "backend", *REASON, "--json"))
    assert held.items() >= {"service": "backend", "commit": BAD, "held": True}.items()
    (hold,) = document(broken.run("hold", "show", "--json"))["holds"]
    assert hold.items() >= {"service": "backend", "commit": BAD}.items()
    error = document(broken.run("gate", BAD, "--json"), 5)["error"]
    assert error["code"] == "held"
    passed = document(broken.run("gate", GOOD, "--json"))
    assert passed.items() >= {"environment": "production", "allowed": True}.items()
    released = document(broken.run("hold", "release", *REASON, "--json"))
    assert released["released"] == [f"backend@{BAD}"]


def test_incidents(broken: Stack) -> None:
    opened = document(broken.run("incident", "open", "users complain", "--json"))
    document(broken.run("incident", "note", "somebody looked", "--json"))
    shown = document(broken.run("incident", "show", "--json"))
    assert shown["incident"]["id"] == opened["id"]
    assert [event["kind"] for event in shown["timeline"]] == ["incident.opened", "incident.noted"]
    closed = document(broken.run("incident", "resolve", "--note", "it was the network", "--json"))
    assert closed["resolved_at"]
    listed = document(broken.run("incident", "list", "--json"))
    assert [incident["id"] for incident in listed["incidents"]] == [opened["id"]]


def test_status_watch_and_version(broken: Stack) -> None:
    assert document(broken.run("status", "--json"))["environment"] == "production"
    watched = document(broken.run("watch", "--json"))
    assert watched.keys() >= {"environment", "healthy", "checks", "verdict", "watches"}
    assert document(broken.run("version", "--json"))["version"]


def test_a_run_and_its_report(broken: Stack) -> None:
    """The steps are told on stderr while the document waits for the end."""
    ran = broken.rollback()
    run = document(ran)
    for step in run["steps"]:
        assert f"{step['name']}: done" in ran.err
    told = document(broken.run("report", "--json"))
    assert told["report"]["run"]["id"] == run["run"]
    assert told["path"] == run["report"]
    printed = broken.run("report").out
    assert printed == Path(run["report"]).read_text(encoding="utf-8"), "as it stands in the file"


@pytest.mark.parametrize(
    "words",
    [
        ("rollback", "--to", "nonsense", "--confirm", "production"),
        ("rollback",),
        ("check", "--service", "nobody"),
        ("plan", "--frobnicate"),
        ("report",),
        ("nonsense",),
        ("status", "--env", "nowhere"),
    ],
)
def test_an_error_is_a_document_too(broken: Stack, words: tuple[str, ...]) -> None:
    ran = broken.run(*words, "--json")
    error = document(ran, ran.code)["error"]
    assert ran.code in {2, 4, 5}
    assert error.keys() == {"code", "message", "cause", "mend"}
    assert error["message"]
    assert error["mend"]
    assert error["message"].splitlines()[0] in ran.err
