"""`--dry-run` says what would be done, and does nothing, whatever the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"
REASON = ("--reason", "so that it is written down")

CHANGING = {
    "rollback": ("rollback",),
    "deployment record": ("deployment", "record", "--service", "backend", "--commit", GOOD),
    "releases mark": ("releases", "mark", BAD, "bad", "--service", "backend", *REASON),
    "releases import": ("releases", "import"),
    "hold set": ("hold", "set", BAD, "--service", "backend", *REASON),
    "hold release": ("hold", "release", *REASON),
    "hold release --fix": ("hold", "release", "--fix", BAD, *REASON),
    "incident note": ("incident", "note", "somebody looked"),
    "incident resolve": ("incident", "resolve"),
}


@pytest.mark.parametrize("name", CHANGING)
def test_nothing_is_changed(stack: Stack, name: str) -> None:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    held = ("hold", "set", GOOD, "--service", "frontend", *REASON)
    assert stack.run(*held).code == 0
    assert stack.run("incident", "open", "users complain").code == 0
    before = stack.remembered(), stack.on_disk()

    service = ("--service", "backend") if name == "rollback" else ()
    ran = stack.run(*CHANGING[name], *service, "--dry-run", "--json")
    shown = stack.run(*CHANGING[name], *service, "--dry-run")

    assert ran.code == shown.code == 0, (ran, shown)
    if name == "rollback":
        assert ran.json["services"][0]["to"] == GOOD
    else:
        assert ran.json["dry_run"] is True
        assert ran.json["would"]
        assert f"would {ran.json['would']}" in shown.said
    assert (stack.remembered(), stack.on_disk()) == before


def test_an_incident_is_not_opened(stack: Stack) -> None:
    before = stack.run("incident", "list", "--json").json
    ran = stack.run("incident", "open", "users complain", "--dry-run", "--json")
    assert (ran.code, ran.json["title"]) == (0, "users complain")
    assert stack.run("incident", "list", "--json").json == before == {"incidents": []}


@pytest.mark.parametrize("words", [("resume",), ("cancel",), ("unlock", *REASON)])
def test_with_nothing_open_the_refusal_is_the_real_one(
    stack: Stack, words: tuple[str, ...]
) -> None:
    really, dry = stack.run(*words, "--json"), stack.run(*words, "--dry-run", "--json")
    assert really.code == dry.code == 5
    assert really.json == dry.json


def test_an_open_run_is_left_alone(stack: Stack) -> None:
    """It is stopped in its restart, so that there is something to resume, cancel and unlock."""
    stack.build(GOOD)
    stack.good(GOOD, services=("backend",))
    stack.deploy(BAD)
    stack.service()["deploy"]["restart"] = ["sleep", "60"]
    stack.configure()
    following = stack.start(
        *("rollback", "--service", "backend", "--confirm", "production", "--json")
    )
    stack.wait(lambda: stack.live() == GOOD, "the flip")
    standing = stack.run("status", "--json").json
    try:
        for words in (("resume",), ("cancel",), ("unlock", *REASON)):
            ran = stack.run(*words, "--dry-run", "--json")
            assert ran.code == 0, ran
            assert ran.json["run"] == standing["runs"][0]["id"]
        now = stack.run("status", "--json").json
        assert (now["runs"], now["lock"]) == (standing["runs"], standing["lock"])
    finally:
        cancelled = stack.run("cancel", "--json")
        ended = stack.finish(following)
    assert cancelled.code == 0, cancelled
    assert (ended.code, ended.json["outcome"]) == (1, "cancelled")


@pytest.mark.parametrize("stated", [("--affected", "90"), ("--security", "--hotfix-in", "5m"), ()])
def test_a_verdict_has_no_consequences(stack: Stack, stated: tuple[str, ...]) -> None:
    """Really given it opens an incident, starts a hotfix's clock or keeps a plan."""
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    before = stack.remembered()
    ran = stack.run("decide", *stated, "--dry-run", "--json")
    assert ran.code == 0, ran
    assert stack.remembered() == before
    assert stack.run("decide", *stated, "--json").json["verdict"] == ran.json["verdict"]
    assert stack.remembered() != before


def test_undo_shows_its_plan(stack: Stack) -> None:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    assert stack.rollback().code == 0
    stack.end_runner()
    before = stack.remembered(), stack.on_disk()
    ran = stack.run("undo", "--dry-run", "--json")
    assert ran.code == 0
    assert {service["to"] for service in ran.json["services"]} == {BAD}
    assert (stack.remembered(), stack.on_disk()) == before


def test_the_remote_is_only_read(stack: Stack) -> None:
    remote = stack.by_git()
    good = remote.commit({"app": "1"})
    bad = remote.commit({"app": "2"})
    stack.good(good, services=("backend",))
    before = remote.refs()
    for words in (
        ("rollback",),
        ("rollback", "--drop", bad),
        ("hold", "set", bad, "--service", "backend", *REASON),
        ("deployment", "record", "--service", "backend", "--commit", bad),
    ):
        ran = stack.run(*words, "--dry-run", "--json")
        assert ran.code == 0, ran
    assert remote.refs() == before
