"""Keys that the contract has and that nothing in this version reads: kept, and said to be so.

Who writes `maintenance:` must not count on a maintenance page that nobody puts up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

LATER = "Kept for later: not read yet."


def later(meaning: str) -> str:
    """The description of such a key; it is what marks the key."""
    return f"{meaning} {LATER}"


def unread(part: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The path of each such key that is written in a part of the settings."""
    if isinstance(part, BaseModel):
        fields = type(part).model_fields
        for name in fields:
            if name not in part.model_fields_set:
                continue
            if (fields[name].description or "").endswith(LATER):
                yield ".".join((*path, name))
            else:
                yield from unread(getattr(part, name), (*path, name))
    elif isinstance(part, dict):
        for name, inner in part.items():
            yield from unread(inner, (*path, str(name)))
