"""Spans of time as people write them: `500ms 2s 5m 6h 7d`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from lastgood.config.fault import mistake

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
LONGEST = 3_660 * UNITS["d"]
PATTERN = r"^ *[0-9]{1,9}(\.[0-9]{1,6})? *(ms|s|m|h|d) *$"
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)", re.ASCII)
_MEND = "write a number and a unit, such as 500ms, 2s, 5m, 6h or 7d (at most ten years)"


def seconds(written: object) -> float:
    """The seconds that a written span of time means; a bare number is seconds already.

    Raises:
        PydanticCustomError: it means none (a ValueError, with the mend in its context).
    """
    if isinstance(written, str):
        match = _WRITTEN.fullmatch(written.strip())
        span = float(match[1]) * UNITS[match[2]] if match else -1.0
    elif isinstance(written, int | float) and not isinstance(written, bool):
        span = float(written)
    else:
        span = -1.0
    if not 0.0 <= span <= LONGEST:
        shown = "nothing" if written is None else repr(str(written)[:40])
        raise mistake(f"{shown} is not a duration", _MEND)
    return span


def spell(span: float) -> str:
    """A span of seconds in the largest unit that gives a whole number."""
    for unit in ("d", "h", "m", "s"):
        if span and span % UNITS[unit] == 0:
            return f"{int(span // UNITS[unit])}{unit}"
    return f"{span * 1000:g}ms" if span else "0s"


_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "number", "minimum": 0}]}
)
_NOT_NOTHING = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": PATTERN.replace("^", "^(?=.*[1-9])")},
            {"type": "number", "exclusiveMinimum": 0},
        ]
    }
)
Duration = Annotated[float, BeforeValidator(seconds), _SCHEMA]
"""A span of time; in code it is seconds as a float."""
Interval = Annotated[float, Field(gt=0), BeforeValidator(seconds), _NOT_NOTHING]
"""A duration that is not nothing."""
