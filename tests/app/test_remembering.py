"""Since when checks fail is known to the next command, within limits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from lastgood.store.state import State

if TYPE_CHECKING:
    from lastgood.testing.stack import Ran, Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"


@pytest.fixture
def down(stack: Stack) -> Stack:
    """The backend alone is out, by its newest release."""
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(GOOD, services=("frontend",))
    stack.deploy(BAD, services=("backend",))
    stack.fail(BAD)
    return stack


def told(stack: Stack, *, minutes: float, since: float, kind: str = "verdict.given") -> None:
    """A verdict was given some minutes ago; the backend failed since some minutes."""
    now = datetime.now(UTC)
    failing = {"backend": (now - timedelta(minutes=since)).isoformat()}
    with State.open("sqlite:///.lastgood/state.db", stack.place) as state:
        state.events.append(
            kind,
            "ada",
            "monitor",
            at=now - timedelta(minutes=minutes),
            environment="production",
            data={"failing": json.dumps(failing)} if kind == "verdict.given" else None,
        )


def because(ran: Ran) -> str:
    said: str = ran.json["path"][4]["because"]
    return said


def test_an_outage_over_its_threshold_is_known_to_the_next_command(down: Stack) -> None:
    told(down, minutes=5, since=12)
    ran = down.run("decide", "--json")
    assert ran.json["path"][4]["answer"] == "yes"
    assert because(ran).startswith("every check of backend (1) fails for 12 min")


def test_each_verdict_hands_it_on(down: Stack) -> None:
    told(down, minutes=5, since=9)
    assert down.run("decide", "--json").json["verdict"] == "monitor"
    assert because(down.run("decide", "--json")).startswith(
        "every check of backend (1) fails for 9 min"
    )


def test_what_was_healthy_in_between_is_forgotten(down: Stack) -> None:
    told(down, minutes=5, since=12)
    for instance in down.instances.values():
        instance.sick.clear()
    assert down.run("decide", "--json").json["verdict"] == "monitor"
    down.fail(BAD)
    assert because(down.run("decide", "--json")) == "every check of backend (1) fails for 0 s"


def test_an_old_verdict_says_nothing_of_the_time_since(down: Stack) -> None:
    told(down, minutes=11, since=12)
    assert because(down.run("decide", "--json")) == "every check of backend (1) fails for 0 s"


def test_a_run_ends_what_failed_before_it(down: Stack) -> None:
    told(down, minutes=5, since=12)
    told(down, minutes=3, since=0, kind="run.ended")
    assert because(down.run("decide", "--json")) == "every check of backend (1) fails for 0 s"
