"""pydantic's findings in the words of this project: what is wrong, and what to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lastgood.config.fault import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError

_SAYINGS = {
    "missing": ("this key is missing", "add it"),
    "string_type": ("this should be text", "put it in quotes"),
    "int_type": ("this should be a whole number", "write digits alone"),
    "int_parsing": ("this should be a whole number", "write digits alone"),
    "int_from_float": ("this should be a whole number", "write digits alone"),
    "float_type": ("this should be a number", "write a number such as 0.5"),
    "float_parsing": ("this should be a number", "write a number such as 0.5"),
    "finite_number": ("this should be a number", "write a number such as 0.5"),
    "bool_type": ("this should be true or false", "write true or false"),
    "bool_parsing": ("this should be true or false", "write true or false"),
    "tuple_type": ("this should be a list", "write [one, two]"),
    "list_type": ("this should be a list", "write [one, two]"),
    "dict_type": ("this should be a mapping", "write `key: value` lines below it"),
    "model_type": ("this should be a mapping", "write `key: value` lines below it"),
    "path_type": ("this should be a path", "write a path"),
    "string_too_short": ("this is empty", "write a value, or take the key out"),
    "too_short": ("this is empty", "write at least one entry"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What pydantic found; never the value that was written.

    Attributes:
        absent: the key that should stand at the path and does not.
    """

    path: tuple[str | int, ...]
    absent: str
    what: str
    mend: str


def explain(error: ValidationError) -> Iterator[Finding]:
    """Each finding in our words."""
    for found in error.errors(include_url=False, include_input=False):
        path = tuple(step for step in found["loc"] if step != "[key]")
        what, mend = _say(found["type"], found["msg"], found.get("ctx", {}), path)
        absent = str(path[-1]) if found["type"] == "missing" else ""
        yield Finding(path[:-1] if absent else path, absent, what, mend)


def _say(
    kind: str, message: str, context: dict[str, Any], path: tuple[str | int, ...]
) -> tuple[str, str]:
    if kind == "unknown_key":
        return f"there is no key {str(path[-1])[:70]!r} here", suggestion(
            str(path[-1]), context["known"]
        )
    if kind == "mistake":
        return context["what"], context["mend"]
    if kind == "literal_error":
        return f"this should be {context['expected']}", f"write {context['expected']}"
    if kind == "missing" and path[-1:] == ("driver",):
        return "no driver is named", "add `driver: NAME`, or for a check url, tcp, command or log"
    if kind in _SAYINGS:
        return _SAYINGS[kind]
    if kind == "value_error":
        message = str(context.get("error", message))
    text = message[:1].lower() + message[1:]
    return text, "see docs/configuration.md for what may stand here"
