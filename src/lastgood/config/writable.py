"""What may stand in the file where the settings have a value: also a reference to that value.

pydantic describes the settings as they are once references were replaced and short forms spelled
out; an editor sees the file before that.
"""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]

_REFERENCE = r"\$\{"
_ABOUT = ("title", "description", "default", "writeOnly")
_NARROW = ("pattern", "enum", "minLength", "maxLength")
_NUMBERS = ("integer", "number", "boolean")


def writable(schema: JsonObject) -> JsonObject:
    """The same schema for what is written.

    Where only some values are allowed, `${NAME}` is too; where only some names are allowed, no
    others are, since by itself a `patternProperties` lets every other name through unlooked at.
    """
    made: JsonObject = {}
    for key, part in schema.items():
        if key in {"properties", "patternProperties", "$defs"}:
            made[key] = {name: writable(inner) for name, inner in part.items()}
        elif key in {"items", "additionalProperties"} and isinstance(part, dict):
            made[key] = writable(part)
        elif key == "anyOf":
            made[key] = _forms(part)
        else:
            made[key] = part
    if "patternProperties" in made:
        made.setdefault("additionalProperties", False)
    return _or_reference(made) if _is_narrow(made) else made


def _forms(forms: list[JsonObject]) -> list[JsonObject]:
    """Each form; the reference that may stand for several of them is named once."""
    made = [form if _is_narrow(form) else writable(form) for form in forms]
    narrow = any(map(_is_narrow, made))
    return [*made, _reference()] if narrow and {"type": "string"} not in made else made


def _is_narrow(schema: JsonObject) -> bool:
    """Whether a value is described that a text such as `${NAME}` is not."""
    if _REFERENCE in str(schema.get("pattern", "")):
        return False
    if schema.get("type") in _NUMBERS:
        return True
    return schema.get("type") == "string" and any(key in schema for key in _NARROW)


def _or_reference(schema: JsonObject) -> JsonObject:
    about = {key: schema.pop(key) for key in _ABOUT if key in schema}
    return {**about, "anyOf": [schema, _reference()]}


def _reference() -> JsonObject:
    return {"type": "string", "pattern": _REFERENCE}
