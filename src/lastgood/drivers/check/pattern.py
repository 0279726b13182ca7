"""Patterns that cannot be made to run for hours by what they are matched against."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from lastgood.config.options import mistake

# A search through a text without a match takes up to length squared steps: keep the text short.
TEXT_LIMIT = 16 * 1024
LINE_LIMIT = 4 * 1024

# One token of a pattern: an escape, a set of characters, a bracket, a quantifier, or one sign.
_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*+\]|\(\?[aiLmsux-]+\)|\(\?#[^)]*+\)|[()|]"
    r"|[*+][?+]?|\{\d*,\d*\}[?+]?|\{\d+\}[?+]?|.",
    re.DOTALL,
)


def explodes(pattern: str) -> bool:
    """Whether a repeated group holds a repeat or a choice, as `(a+)+` and `(a|a)*` do.

    Those are the shapes whose matching time can double with every further character. The answer
    errs on the side of yes: `(foo|bar)+` is harmless, and can be written as `foo|bar`.
    """
    open_groups: list[bool] = []
    closed_risky = False
    for token in _TOKEN.findall(pattern):
        repeats = token[0] in "*+" or (token[0] == "{" and len(token) > 1)
        if repeats and closed_risky:
            return True
        closed_risky = False
        if token == "(":  # noqa: S105 - a bracket, no secret
            open_groups.append(False)
        elif token == ")" and open_groups:  # noqa: S105 - likewise
            closed_risky = open_groups.pop()
            if open_groups and closed_risky:
                open_groups[-1] = True
        elif open_groups and (repeats or token == "|"):  # noqa: S105 - likewise
            open_groups[-1] = True
    return False


def _safe(pattern: str) -> str:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise mistake(f"this is no regular expression: {error}", "correct it") from None
    if explodes(pattern):
        raise mistake(
            "a group with a repeat or a choice in it is itself repeated: matching could take hours",
            "write it without the outer repeat",
        )
    return pattern


Pattern = Annotated[str, AfterValidator(_safe)]
"""A regular expression that ends in a time that grows slowly with the text."""
