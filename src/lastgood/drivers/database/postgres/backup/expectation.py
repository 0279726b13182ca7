"""What a `verify` query is expected to answer."""

from __future__ import annotations

import operator
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER = r"([-+]?[0-9]+(?:\.[0-9]+)?)"
_COMPARED = re.compile(rf"(>=|<=|!=|=|>|<)\s*{_NUMBER}", re.ASCII)
_BETWEEN = re.compile(rf"between\s+{_NUMBER}\s+and\s+{_NUMBER}", re.ASCII | re.IGNORECASE)
_OPERATORS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_LOOKS_COMPARED = re.compile(r"[<>=!]|between\b", re.IGNORECASE)


class Expectation(NamedTuple):
    """A condition on one value; `parse` makes it.

    Attributes:
        text: as it was written.
        tests: comparisons with numbers, all of which must hold; none means that the text is meant.
    """

    text: str
    tests: tuple[tuple[str, Decimal], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Expectation:
        """Read `> 0`, `= 3`, `between 1 and 5`, or a text that the answer must equal.

        Raises:
            ValueError: it begins as a comparison and is none: taken as a text it would never hold.
        """
        text = text.strip()
        if match := _COMPARED.fullmatch(text):
            return cls(text, ((match[1], Decimal(match[2])),))
        if match := _BETWEEN.fullmatch(text):
            return cls(text, ((">=", Decimal(match[1])), ("<=", Decimal(match[2]))))
        if _LOOKS_COMPARED.match(text):
            raise ValueError("this compares with no number")
        return cls(text)

    def holds(self, value: object) -> bool:
        """Whether a query's answer is as expected; nothing (NULL) is no number."""
        if not self.tests:
            return shown(value) == self.text
        number = _number(value)
        return number is not None and all(
            _OPERATORS[sign](number, bound) for sign, bound in self.tests
        )


def shown(value: object) -> str:
    """An answer as text: as psql shows it, but for booleans and NULL, which are spelled out."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return None if number.is_nan() else number
