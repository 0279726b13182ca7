"""What every noun has in common: frozen, made by keyword, and written to JSON in one way."""

from __future__ import annotations

import hashlib
import json
from threading import Lock
from typing import Any, TypeVar

import msgspec


class Noun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """An immutable value. Unknown fields of a newer version are ignored when read."""


T = TypeVar("T")

# msgspec finds out how a kind is read when it first reads it, and two threads that do so at once
# bring the process down: so it is found out once, by one of them.
_READERS: dict[Any, msgspec.json.Decoder[Any]] = {}
_ONE_AT_A_TIME = Lock()


def to_json(value: object) -> str:
    """Write a noun as canonical JSON: keys sorted, times in RFC 3339 UTC."""
    return msgspec.json.encode(value, order="sorted").decode()


def to_plain_json(value: object) -> str:
    """Likewise, in ASCII: stays as it is where text is made harmless for a terminal."""
    return json.dumps(msgspec.to_builtins(value), sort_keys=True, separators=(",", ":"))


def from_json(text: str | bytes, kind: type[T]) -> T:
    """Read a noun from JSON and check its types.

    Raises:
        msgspec.ValidationError: the text is not such a noun.
    """
    reader: msgspec.json.Decoder[T] | None = _READERS.get(kind)
    if reader is None:
        with _ONE_AT_A_TIME:
            reader = _READERS.setdefault(kind, msgspec.json.Decoder(kind))
    return reader.decode(text)


def digest(value: object) -> str:
    """The SHA-256 of a noun's canonical JSON, as hexadecimal."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()
