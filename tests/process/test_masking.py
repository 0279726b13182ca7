from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.process.masking import Masker, harmless

SECRET = 'p@ss "word"/+ü\\end'


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET).lower().replace("%c3%bc", "%c3%bc"),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"u:{SECRET}".encode()).decode(),
        base64.b64encode(f"me:{SECRET}".encode()).decode(),
        base64.b64encode(f"you:{SECRET}\n".encode()).decode(),
    ],
)
def test_a_secret_is_hidden_in_every_form(shown: str) -> None:
    masked = Masker([SECRET]).mask(f"before {shown} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "***" in masked
    # What base64 shares with its neighbours remains: a few bits, never a readable part.
    assert len(masked) < len("before *** after") + 14


def test_a_longer_secret_wins_and_no_rest_of_an_overlap_remains() -> None:
    assert Masker(["abcdef", "abcdefghi"]).mask("<abcdefghi>") == "<***>"
    assert Masker(["abcdef", "defghi"]).mask("<abcdefghi>") == "<***>"
    assert Masker(["abcdef"]).mask("abcdefabcdef abcdef") == "****** ***"


def test_short_values_are_not_hidden() -> None:
    masker = Masker(["dev", "", "     ", "a\nb", "postgresql://me:dev@localhost/app1"])
    assert masker.mask("dev a b      ZGV2 development") == "dev a b      ZGV2 development"


def test_the_password_in_an_address_and_the_lines_of_a_key_are_secrets() -> None:
    masker = Masker(["postgresql://me:s3cr3t%2Fpw@db/app", "-----KEY-----\nAAAABBBB\nCCCCDDDD\n"])
    assert masker.mask("login s3cr3t/pw failed") == "login *** failed"
    assert masker.mask("line CCCCDDDD") == "line ***"
    assert "AAAA" not in repr(masker)


def test_a_secret_cut_in_two_is_hidden_on_both_sides() -> None:
    masker = Masker(["abcdefgh"])
    assert masker.mask_halves("x abcd", "efgh y") == ("x ***", "*** y")
    assert masker.mask_halves("x abcdefgh", "abcdefgh y") == ("x ***", "*** y")
    assert masker.mask_halves("x", "y") == ("x", "y")


@given(
    secrets=st.lists(st.text(min_size=6, max_size=12), max_size=4),
    parts=st.lists(st.text(max_size=8), min_size=1, max_size=6),
)
def test_no_secret_is_ever_left(secrets: list[str], parts: list[str]) -> None:
    secrets = [secret.strip() for secret in secrets if len(secret.strip()) >= 6]
    text = "".join(part + secret for part, secret in zip(parts, [*secrets, ""], strict=False))
    masked = Masker(secrets).mask(text)
    # The mask itself may, beside what is shown, spell a secret of stars.
    assert not any(secret in part for secret in secrets for part in masked.split("***"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://e\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        ("\x1bPq#0;2\x1b\\y\x9b2Jz\x1bc", "yz"),
        ("\x1b]0;never ended", "0;never ended"),
        ("good\rbad\r\nnext", "good\nbad\nnext"),
        ("a\x00\x08\x7f\x85b", "a\ufffd\ufffd\ufffd\ufffdb"),
        ("abc\u202edef\u2066", "abc\ufffddef\ufffd"),
        ("a\u2028b", "a\nb"),
        (b"\xff\xfe name".decode(errors="surrogateescape"), "\ufffd\ufffd name"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
    ],
)
def test_text_from_outside_cannot_act(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text())
def test_what_is_harmless_stays_so_and_can_be_printed(text: str) -> None:
    once = harmless(text)
    assert harmless(once) == once
    assert "\x1b" not in once
    once.encode()


def test_a_huge_hostile_text_takes_no_time_to_speak_of() -> None:
    begun = time.monotonic()
    for unit in ("\x1b]", "\x1b[", "\x1b[0;", "\x9d", "\x1b", "\x1b]a"):
        harmless(unit * 200_000)
    Masker([f"secret-{n}-{n:09}" for n in range(50)]).mask("secret-1" * 125_000)
    assert time.monotonic() - begun < 60  # hours, were it quadratic
