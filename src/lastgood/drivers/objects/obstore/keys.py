"""Keys of objects: few signs, no way out of the store's own folder."""

from __future__ import annotations

import re

from lastgood.errors import RefusedError

_PART = r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,199}"
_KEY = re.compile(rf"{_PART}(/{_PART})*", re.ASCII)
LONGEST = 900


def is_key(text: str) -> bool:
    """Whether this can be a key."""
    return len(text) <= LONGEST and _KEY.fullmatch(text) is not None


def parts(key: str) -> list[str]:
    """A key's parts.

    Raises:
        RefusedError: it is none (`bad-key`).
    """
    if not is_key(key):
        raise RefusedError(
            f"{key[:100]!r} cannot be the name of an object",
            cause="a part of it begins with something else than a letter or digit, or has signs "
            "that mean different things to different stores",
            mend="use letters, digits and `. _ = + -` in names",
            code="bad-key",
        )
    return key.split("/")


def name_of(key: str) -> str:
    """The key itself, once it is one.

    Raises:
        RefusedError: it is none (`bad-key`).
    """
    parts(key)
    return key
