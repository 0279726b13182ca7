"""The tables of docs/configuration.md, made from the models so that they cannot be wrong."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from lastgood.config import bytesize, duration, model
from lastgood.config.base import Strict
from lastgood.config.driven import Driven
from lastgood.config.schema import DRIVEN, options_of
from lastgood.config.secret import Secret
from lastgood.config.state import StateAddress

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pydantic.fields import FieldInfo

    from lastgood.ports.spec import DriverRegistry

_TABLE = re.compile(r"(<!-- fields: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_DRIVERS = re.compile(r"(<!-- drivers: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Secret: "secret",
    StateAddress: "address",
    bytesize.ByteSize: "size",
}


def renew(page: str, registry: DriverRegistry) -> str:
    """The page with its tables made anew; what stands between them is kept."""

    def fields(match: re.Match[str]) -> str:
        return f"{match[1]}{table(getattr(model, match[2]))}{match[3]}"

    def drivers(match: re.Match[str]) -> str:
        kind = next(kind for kind in DRIVEN if kind.family == match[2])
        return f"{match[1]}{''.join(_drivers(kind, registry))}{match[3]}"

    return _DRIVERS.sub(drivers, _TABLE.sub(fields, page))


def table(part: type[Strict], told: Collection[str] = ()) -> str:
    """The Markdown table of a model's keys, without those that are told elsewhere."""
    rows = [
        f"| `{info.alias or name}` | {_kind(info)} | {_default(info)} | {_one_line(info)} |\n"
        for name, info in part.model_fields.items()
        if name not in told and not (issubclass(part, Driven) and name == "options")
    ]
    return "| key | value | default | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _drivers(kind: type[Driven], registry: DriverRegistry) -> Iterator[str]:
    names = registry.names(kind.family)
    if not names:
        what = "what is written is kept, and not read yet"
        yield f"This version has no driver of this family: {what}.\n"
    for name in names:
        summary = registry.spec(kind.family, name).summary
        options = options_of(kind, name, registry)
        yield f"\n#### `{name}`\n\n{_capital(summary)}.\n\n{table(options, kind.common_keys())}"
        for inner in _inner(options):
            yield f"\nIn `{inner[0]}`:\n\n{table(inner[1])}"


def _inner(part: type[BaseModel], above: str = "") -> Iterator[tuple[str, type[Strict]]]:
    """The models that a model's fields hold, with the key that leads to each."""
    for name, info in part.model_fields.items():
        for found in _models(info.annotation):
            key = f"{above}{info.alias or name}"
            yield key, found
            yield from _inner(found, f"{key}.")


def _models(annotation: Any) -> Iterator[type[Strict]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _kind(info: FieldInfo) -> str:
    if _is_duration(info):
        return "duration"
    return _spell(info.annotation)


def _is_duration(info: FieldInfo) -> bool:
    texts = repr(info.metadata) + repr(info.annotation)
    return duration.seconds.__name__ in texts and "float" in texts


def _spell(annotation: Any) -> str:  # noqa: ANN401 - any annotation
    origin, inner = get_origin(annotation), get_args(annotation)
    words = "mapping"
    if annotation in _WORDS:
        words = _WORDS[annotation]
    elif hasattr(annotation, "__metadata__"):
        words = _spell(inner[0])
    elif origin is Literal:
        words = _choice(inner)
    elif origin in {UnionType, Union}:
        words = " or ".join(dict.fromkeys(_spell(one) for one in inner if one is not NoneType))
    elif origin in {tuple, list, frozenset, set}:
        words = f"list of {_spell(inner[0])}"
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        words = _choice(member.value for member in annotation)
    return words


def _choice(values: Iterable[object]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if value is PydanticUndefined or value is None or value == ():
        return ""
    if _is_duration(info):
        return f"`{duration.spell(value)}`"
    if isinstance(value, BaseModel):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _one_line(info: FieldInfo) -> str:
    text = _capital(" ".join((info.description or "").split())).replace("|", "\\|")
    return text if not text or text.endswith(".") else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
