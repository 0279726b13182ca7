"""Amounts of data as people write them: `50MB 200GB 1.5TB`, and `64MiB` in powers of two."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from lastgood.config.fault import mistake

UNITS = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGTP", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGTP", 1)},
}
MOST = 2**60
PATTERN = r"^(?=.*[1-9]) *[0-9]{1,19}(\.[0-9]{1,6})? *([kKmMgGtTpP][iI]?)?[bB] *$"
_WRITTEN = re.compile(
    r"([0-9]{1,19}(?:\.[0-9]{1,6})?)\s*((?:[kmgtp]i?)?b)", re.ASCII | re.IGNORECASE
)
_BY_WORD = {unit.lower(): size for unit, size in UNITS.items()}
_MEND = "write a number and a unit, such as 50MB, 200GB or 64MiB"


def parse(written: object) -> int:
    """The bytes that a written amount means, at least one; a bare number is bytes already.

    Raises:
        PydanticCustomError: it means none (a ValueError, with the mend in its context).
    """
    amount = 0
    if isinstance(written, str) and (match := _WRITTEN.fullmatch(written.strip())):
        whole, _, part = match[1].partition(".")
        unit = _BY_WORD[match[2].lower()]
        amount = int(whole) * unit + int(part or 0) * unit // 10 ** len(part)
    elif isinstance(written, int) and not isinstance(written, bool):
        amount = written
    if not 1 <= amount <= MOST:
        shown = "nothing" if written is None else repr(str(written)[:40])
        raise mistake(f"{shown} is not an amount of data", _MEND)
    return amount


def spell(amount: int) -> str:
    """An amount of bytes in the largest unit that gives a whole number."""
    fitting = [unit for unit, size in UNITS.items() if amount % size == 0 and amount >= size]
    unit = max(fitting, key=UNITS.__getitem__, default="B")
    return f"{amount // UNITS[unit]}{unit}"


ByteSize = Annotated[
    int,
    BeforeValidator(parse),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": PATTERN}, {"type": "integer", "minimum": 1}]}
    ),
]
"""An amount of data that is not nothing; in code it is bytes."""
