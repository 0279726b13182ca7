"""Keep secrets out of everything that is shown, and hostile text away from the terminal."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"
# Masking `dev` or `test` would garble every message and protect nothing.
SHORTEST = 6

# None may run over the start of another: else a million starts would take a day.
_SEQUENCES = re.compile(
    r"""
    # Colours, movements of the cursor.
      (?:\x1b\[|\x9b)[0-?]*+[\ -/]*+[@-~]
    # Titles, links, whatever has an end of its own.
    | (?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*+(?:\x07|\x9c|\x1b\\)
    # All the others.
    | \x1b[\ -/]*+[0-~]
    """,
    re.VERBOSE,
)
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")
# Controls, marks that reverse the direction of what follows, and halves of characters.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def harmless(text: str) -> str:
    """Text from outside as a terminal may show it: lines and tabs, nothing that acts."""
    text = _SEQUENCES.sub("", text)
    text = _LINE_ENDS.sub("\n", text)
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\x1b", ""))


class Masker:
    """Knows the secrets that were read, and hides them in any text.

    A secret is also found URL-quoted, JSON-escaped, in base64 at any alignment (as in an
    Authorization header), line by line, and as the password inside a URL.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        for secret in secrets:
            self.add(secret)

    def __repr__(self) -> str:
        return f"Masker({len(self._forms)} forms)"

    def add(self, secret: str) -> None:
        """Hide this value from now on; one below six characters is not hidden."""
        found = {form for form in _forms(secret) if len(form) >= SHORTEST}
        self._forms = tuple(sorted(found.union(self._forms), key=lambda form: (-len(form), form)))

    def mask(self, text: str) -> str:
        """The text with every secret in it replaced."""
        return _replace(text, self._spans(text))

    def mask_halves(self, head: str, tail: str) -> tuple[str, str]:
        """Mask two ends of a text whose middle was dropped, also a secret that was cut in two."""
        head_spans = [*self._spans(head), *self._started(head)]
        tail_spans = [*self._spans(tail), *self._ended(tail)]
        return _replace(head, head_spans), _replace(tail, tail_spans)

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            at = text.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = text.find(form, at + 1)

    def _started(self, head: str) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            for length in range(min(len(form) - 1, len(head)), 0, -1):
                if head.endswith(form[:length]):
                    yield len(head) - length, len(head)
                    break

    def _ended(self, tail: str) -> Iterator[tuple[int, int]]:
        for form in self._forms:
            for length in range(min(len(form) - 1, len(tail)), 0, -1):
                if tail.startswith(form[-length:]):
                    yield 0, length
                    break


def _replace(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Put one mask where spans are, joined where they overlap: no rest of a secret remains."""
    parts: list[str] = []
    shown = 0
    masked_to = 0
    for start, end in sorted(spans):
        if start >= masked_to or not masked_to:
            parts += [text[shown:start], MASK]
        masked_to = shown = max(end, masked_to)
    return "".join([*parts, text[shown:]])


def _forms(secret: str) -> Iterator[str]:
    for value in {secret, secret.strip(), _password(secret), *map(str.strip, secret.splitlines())}:
        # What is too short to hide as it stands must not be hidden in a longer form either.
        if len(value) < SHORTEST:
            continue
        yield value
        yield json.dumps(value)[1:-1]
        yield json.dumps(value, ensure_ascii=False)[1:-1]
        raw = value.encode(errors="surrogateescape")
        for quoted in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
            yield quoted
            yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
        yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The characters of base64 that only these bytes decide, for each of three alignments."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode()
        for shift in range(3):
            first = (shift * 8 + 5) // 6
            last = (shift + len(raw)) * 8 // 6
            yield encode(bytes(shift) + raw).decode()[first:last]


def _password(secret: str) -> str:
    try:
        return unquote(urlsplit(secret).password or "")
    except ValueError:  # not a URL, so there is no password in it
        return ""
