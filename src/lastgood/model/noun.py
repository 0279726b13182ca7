"""What every noun has in common: frozen, made by keyword, and written to JSON in one way."""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec


class Noun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """An immutable value. Unknown fields of a newer version are ignored when read."""


T = TypeVar("T")


def to_json(value: object) -> str:
    """Write a noun as canonical JSON: keys sorted, times in RFC 3339 UTC."""
    return msgspec.json.encode(value, order="sorted").decode()


def from_json(text: str | bytes, kind: type[T]) -> T:
    """Read a noun from JSON and check its types.

    Raises:
        msgspec.ValidationError: the text is not such a noun.
    """
    return msgspec.json.decode(text, type=kind)


def digest(value: object) -> str:
    """The SHA-256 of a noun's canonical JSON, as hexadecimal."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()
