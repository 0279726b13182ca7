"""The name of a release: a commit hash, or what the deploy tool calls it."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}", re.ASCII)
_ABBREVIATED = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


def is_release_name(text: str) -> bool:
    """Whether a text may stand as one word in a path, a command or a message.

    It begins with a letter, digit or `_`: neither hidden, nor an option, nor a way out of a folder.
    """
    return _NAME.fullmatch(text) is not None


def same_version(answered: str, expected: str) -> bool:
    """Whether an answer names a version; commits may be abbreviated to seven characters or more."""
    if answered == expected:
        return True
    if not (_ABBREVIATED.fullmatch(answered) and _ABBREVIATED.fullmatch(expected)):
        return False
    return expected.startswith(answered) or answered.startswith(expected)
