"""What needs the environment's name, and what must never be slowed down by asking for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"


@pytest.fixture
def broken(stack: Stack) -> Stack:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    return stack


@pytest.mark.parametrize("words", [(), ("--confirm", "staging"), ("--confirm", "")])
def test_a_rollback_without_the_right_name_does_nothing(
    broken: Stack, words: tuple[str, ...]
) -> None:
    before = broken.remembered(), broken.on_disk()
    ran = broken.run("rollback", *words, "--no-input", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (4, "not-confirmed")
    assert ran.json["error"]["mend"] == "add --confirm production"
    assert (broken.remembered(), broken.on_disk()) == before


def test_an_undo_needs_it_too(broken: Stack) -> None:
    assert broken.rollback().code == 0
    ran = broken.run("undo", "--confirm", "prod", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (4, "not-confirmed")
    assert broken.live() == GOOD


def test_there_is_no_way_to_say_yes_to_everything(broken: Stack) -> None:
    assert broken.run("rollback", "--yes").code == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("resume",), 5),
        (("cancel",), 5),
        (("unlock", "--reason", "it hangs"), 5),
        (("hold", "set", BAD, "--service", "backend", "--reason", "it leaks"), 0),
        (("deployment", "record", "--service", "backend", "--commit", BAD), 0),
        (("incident", "note", "somebody looked"), 5),
    ],
)
def test_nobody_is_asked(broken: Stack, words: tuple[str, ...], code: int) -> None:
    """The exit codes are those of what there is to do; none is 4."""
    assert broken.run(*words, "--no-input", "--json").code == code
