from __future__ import annotations

import copy
import json
import pickle

import pytest
from pydantic import BaseModel, ValidationError

from lastgood.config.secret import Secret, hide, maskable

TEXT = "hunter22"


class Holder(BaseModel):
    secret: Secret
    anything: object = None


def test_a_secret_cannot_be_written_by_accident() -> None:
    secret = Secret(TEXT)
    holder = Holder(secret=secret, anything={"deep": [secret]})

    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret:>20}",
        f"{secret!r}",
        "%s" % secret,  # noqa: UP031 - the old way must not show it either
        repr([secret]),
        repr(holder),
        holder.model_dump_json(),
        json.dumps(holder.model_dump(mode="json")),
        pickle.dumps(holder).decode("latin-1"),
        str(pickle.loads(pickle.dumps(secret))),  # noqa: S301 - what was pickled a moment ago
    ]

    assert not [text for text in shown if TEXT in text]
    assert secret.reveal() == TEXT
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})


def test_a_pickled_secret_does_not_pass_for_the_text() -> None:
    lost = pickle.loads(pickle.dumps(Secret(TEXT)))  # noqa: S301 - what was pickled a moment ago

    with pytest.raises(ValueError, match="lost its text"):
        lost.reveal()


def test_a_copy_keeps_the_text() -> None:
    secret = Secret(TEXT)

    assert copy.deepcopy({"a": secret})["a"].reveal() == copy.copy(secret).reveal() == TEXT


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret(TEXT) == Secret(TEXT) != Secret("other")
    assert len({Secret(TEXT), Secret(TEXT)}) == 1
    assert Secret(TEXT) != TEXT


@pytest.mark.parametrize("value", ["", 7, None, ["x"]])
def test_only_text_can_be_a_secret(value: object) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate({"secret": value})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (TEXT, {TEXT}),
        ("abc", set()),
        (
            "postgresql://u:p%40ssword@h/d",
            {"postgresql://u:p%40ssword@h/d", "p%40ssword", "p@ssword"},
        ),
        ("line one\nline two", {"line one\nline two", "line one", "line two"}),
        ("http://[broken", {"http://[broken"}),
    ],
)
def test_what_must_be_masked(text: str, parts: set[str]) -> None:
    assert maskable(text) == parts


def test_the_longer_secret_is_hidden_first() -> None:
    assert hide("abcdef abcd", {"abcd", "abcdef"}) == "*** ***"
