"""Bytes per second as people write them: `500kB 50MB 1GiB`, with `/s` behind or without."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from lastgood.config.fault import mistake

UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
LEAST, MOST = 1_000.0, 10.0**12
PATTERN = r"^ *[0-9]{1,9}(\.[0-9]{1,6})? *(kB|MB|GB|KiB|MiB|GiB)(/s)? *$"
_WRITTEN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(kB|MB|GB|KiB|MiB|GiB)(?:/s)?", re.ASCII)
_MEND = "write a number and a unit, such as 500kB, 50MB or 1GiB (a second; at least 1kB)"


def bytes_per_second(written: object) -> float:
    """What a written rate means; a bare number is bytes per second already.

    Raises:
        PydanticCustomError: it means none (a ValueError, with the mend in its context).
    """
    rate = 0.0
    if isinstance(written, str):
        if match := _WRITTEN.fullmatch(written.strip()):
            rate = float(match[1]) * UNITS[match[2]]
    elif isinstance(written, int | float) and not isinstance(written, bool):
        rate = float(written)
    if not LEAST <= rate <= MOST:
        shown = "nothing" if written is None else repr(str(written)[:40])
        raise mistake(f"{shown} is not a rate", _MEND)
    return rate


Rate = Annotated[
    float,
    BeforeValidator(bytes_per_second),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "number", "minimum": LEAST}]}
    ),
]
"""Bytes per second; in code it is a float."""
