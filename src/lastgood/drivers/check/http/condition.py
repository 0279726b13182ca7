"""A condition on one value: what it must equal, or how it must compare."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Strict

if TYPE_CHECKING:
    from collections.abc import Callable

Scalar = str | float | int | bool | None
Condition = (
    Annotated[bool, Strict()]
    | Annotated[int, Strict()]
    | Annotated[float, Strict()]
    | Annotated[str, Strict()]
    | None
)
"""As it is written: a value, or a text such as `< 5`, `>= 1.5`, `!= down`."""

_COMPARED = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(.*?)\s*", re.DOTALL)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition, read."""

    comparison: str
    operand: Scalar

    @classmethod
    def read(cls, written: Scalar) -> Comparison:
        """Read a condition; a text that makes no comparison is the value itself."""
        match = _COMPARED.fullmatch(written) if isinstance(written, str) else None
        if match is None:
            return cls("==", written)
        operand = _value(match[2])
        if match[1] in _ORDER and _number(operand) is None:
            return cls("==", written)
        return cls(match[1], operand)

    def holds(self, value: object) -> bool:
        """Whether a value of a JSON answer meets it; an absent one is None."""
        if self.comparison == "==":
            return _same(value, self.operand)
        if self.comparison == "!=":
            return not _same(value, self.operand)
        left, right = _number(value), _number(self.operand)
        if left is None or right is None:
            return False
        return _ORDER[self.comparison](left, right)

    def __str__(self) -> str:
        if self.comparison == "==":
            return repr(self.operand)
        shown = f"{self.operand:g}" if isinstance(self.operand, float) else self.operand
        return f"{self.comparison} {shown}"


def _value(text: str) -> Scalar:
    words: dict[str, Scalar] = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    number = _number_of(text)
    return text if number is None else number


def _number_of(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return None


def _same(value: object, operand: Scalar) -> bool:
    """Equal, and of the same kind: true is not 1, and "5" is not 5."""
    if isinstance(value, bool) or isinstance(operand, bool):
        return value is operand
    return value == operand
