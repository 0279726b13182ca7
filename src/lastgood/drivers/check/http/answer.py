"""An HTTP answer, and what is wrong with it."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from lastgood.drivers.check.certificate import ends_too_soon
from lastgood.drivers.check.http.condition import Comparison
from lastgood.drivers.check.pattern import TEXT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.drivers.check.http.options import Expect, HttpOptions, Version

BODY_LIMIT = 1024 * 1024
SHOWN = 60
LONGEST_VERSION = 200
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class UnreadableError(ValueError):
    """The answer cannot be taken for what it should be; says why in one clause."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        latency_ms: until the whole body was there.
        body: as sent, at most `BODY_LIMIT` bytes.
        tls_expires_at: the certificate's end.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: float
    tls_expires_at: datetime | None = None


class Examiner:
    """Knows what is expected of an answer; everything that can be is prepared once."""

    def __init__(self, options: HttpOptions) -> None:
        self._expect: Expect = options.expect
        self._version: Version | None = options.version
        self._margin_s = options.tls_expires_within
        self._json = [
            (path, Comparison.read(written)) for path, written in options.expect.json_.items()
        ]
        matches = options.expect.matches
        self._matches = re.compile(matches) if matches is not None else None

    def accepts(self, status: int) -> bool:
        """Whether the status is an expected one."""
        expected = self._expect.status
        return status in expected if expected else 200 <= status <= 299  # noqa: PLR2004 - any success

    def examine(self, answer: Answer) -> tuple[list[str], str | None]:
        """What is wrong with an answer, and the version that it names.

        An answer out of a cache names none: it was given by what ran then.
        """
        faults, version = self._seen(answer)
        return faults, None if _is_stored(answer) else version

    def _seen(self, answer: Answer) -> tuple[list[str], str | None]:
        faults = [*self._head_faults(answer)]
        version = None
        if self._version is not None and self._version.header is not None:
            version = _as_version(answer.headers.get(self._version.header))
        if not self._reads_body:
            return faults, version
        try:
            body = decoded(answer)
            document = self._document(body)
        except UnreadableError as unreadable:
            if self._expect.reads_body:
                faults.append(str(unreadable))
            return faults, version
        faults += self._body_faults(body, document)
        return faults, version or self._version_in(body, document)

    @property
    def _reads_body(self) -> bool:
        in_body = self._version is not None and self._version.header is None
        return in_body or self._expect.reads_body

    def _head_faults(self, answer: Answer) -> list[str]:
        faults: list[str] = []
        if not self.accepts(answer.status):
            expected = " or ".join(map(str, self._expect.status)) or "200 to 299"
            faults.append(f"answered {answer.status}, expected {expected}")
        if self._expect.latency is not None and answer.latency_ms >= self._expect.latency * 1000:
            faults.append(
                f"took {answer.latency_ms:.0f} ms, expected under "
                f"{self._expect.latency * 1000:.0f} ms"
            )
        if self._margin_s is not None and answer.tls_expires_at is not None:
            soon = ends_too_soon(answer.tls_expires_at, datetime.now(UTC), self._margin_s)
            faults += [soon] if soon else []
        return faults

    def _document(self, body: bytes) -> object:
        wanted = self._version is not None and self._version.json_ is not None
        if not self._json and not wanted:
            return None
        if not body.strip():
            raise UnreadableError("the answer is empty, expected JSON")
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise UnreadableError(f"the answer is no JSON: {str(error)[:SHOWN]}") from None

    def _body_faults(self, body: bytes, document: object) -> list[str]:
        faults: list[str] = []
        for path, comparison in self._json:
            value = field(document, path)
            if not comparison.holds(value):
                faults.append(f"{path} is {_shown(value)}, expected {comparison}")
        contains = self._expect.contains
        if contains is not None and contains.encode() not in body:
            faults.append(f"the answer does not contain {_shown(contains)}")
        if self._matches is not None:
            text = body[:TEXT_LIMIT].decode(errors="replace")
            if not self._matches.search(text):
                faults.append(f"the answer does not match {_shown(self._matches.pattern)}")
        return faults

    def _version_in(self, body: bytes, document: object) -> str | None:
        if self._version is None:
            return None
        if self._version.json_ is not None:
            return _as_version(field(document, self._version.json_))
        if not self._version.body:
            return None
        lines = body[: 4 * LONGEST_VERSION].decode(errors="replace").strip().splitlines()
        return _as_version(lines[0] if lines else None)


def _is_stored(answer: Answer) -> bool:
    """Whether a cache says that it kept the answer for some seconds (RFC 9111, section 5.1)."""
    age = answer.headers.get("Age", "").strip()
    return age.isdecimal() and age.strip("0") != ""


def decoded(answer: Answer) -> bytes:
    """The body without compression, which nobody asked for; bounded, whatever it unpacks to.

    Raises:
        UnreadableError: it is too large, broken, or compressed in an unknown way.
    """
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    if coding in {"", "identity"} or not answer.body:
        return answer.body
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise UnreadableError(f"the answer is packed as {coding[:20]!r}, which was not asked for")
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        body = unpacker.decompress(answer.body, BODY_LIMIT + 1)
    except zlib.error:
        raise UnreadableError(f"the answer says {coding}, and is not") from None
    if len(body) > BODY_LIMIT:
        raise UnreadableError("the answer unpacks to more than 1 MiB")
    return body


def field(document: object, path: str) -> object:
    """The value at a dotted path; None when there is none."""
    for part in path.split("."):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal() and len(part) < 7:  # noqa: PLR2004 - 1 MiB holds no more elements
            document = document[int(part)] if int(part) < len(document) else None
        else:
            return None
    return document


def _as_version(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return text[:LONGEST_VERSION] or None


def _shown(value: object) -> str:
    if value is None:
        return "absent"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
