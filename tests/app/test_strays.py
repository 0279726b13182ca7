"""Which instances stray from what runs."""

from __future__ import annotations

import pytest

from lastgood.app.planning import strays
from lastgood.model.observation import ServiceView
from lastgood.testing.nouns import commit, release

GOOD, BAD, MADE = commit("a"), commit("b"), commit("c")
LEDGER = (release("a"), release("c", same_tree_as="a"))


@pytest.mark.parametrize(
    ("live", "answering", "expected"),
    [
        (GOOD, {"one": GOOD, "two": BAD}, {"two": BAD}),
        (GOOD, {"one": GOOD[:7], "two": GOOD}, {}),
        (GOOD, {"one": MADE}, {}),
        (MADE, {"one": GOOD, "two": MADE}, {}),
        (GOOD, {"one": GOOD, "two": None}, {}),
        (None, {"one": BAD}, {}),
        (None, {"one": GOOD, "two": BAD}, {"two": BAD}),
    ],
    ids=[
        "one keeps the old version",
        "an abbreviated commit",
        "a commit of the same tree",
        "the release of the tree that runs",
        "a silent one says nothing",
        "one voice is what runs",
        "two voices: the ledger says what runs",
    ],
)
def test_an_instance_that_answers_another_version_strays(
    live: str | None, answering: dict[str, str | None], expected: dict[str, str]
) -> None:
    view = ServiceView(name="backend", live=live, answering=answering, recorded=GOOD)
    assert strays(view, LEDGER) == expected
