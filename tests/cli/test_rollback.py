"""A rollback and its undo, from the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lastgood.testing.stack import Stack


def test_a_bad_release_is_rolled_back_and_proven(stack: Stack) -> None:
    stack.build("1a1a1a1")
    stack.good("1a1a1a1")
    stack.deploy("2b2b2b2")
    stack.fail("2b2b2b2")

    ran = stack.rollback("--reason", "it answers with errors")

    assert ran.code == 0, ran
    assert ran.json["outcome"] == "recovered"
