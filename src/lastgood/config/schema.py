"""The JSON Schema of `lastgood.yaml`, for editors: with the options of every known driver."""

from __future__ import annotations

import json
from inspect import cleandoc
from typing import TYPE_CHECKING, cast

from lastgood.config.backup import Store
from lastgood.config.driven import Driven
from lastgood.config.model import (
    Check,
    Database,
    Deploy,
    Maintenance,
    Notify,
    Settings,
    Signal,
)
from lastgood.config.reserved import CONTRACTS, Contract, named_by
from lastgood.config.writable import JsonObject, writable
from lastgood.ports.spec import resolve

if TYPE_CHECKING:
    from lastgood.config.options import DriverOptions
    from lastgood.ports.spec import DriverRegistry

DRIVEN: tuple[type[Driven], ...] = (Deploy, Check, Signal, Database, Maintenance, Notify)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(registry: DriverRegistry) -> JsonObject:
    """The schema of the whole file."""
    whole = Settings.model_json_schema()
    parts: JsonObject = whole["$defs"]
    for kind in DRIVEN:
        parts[kind.__name__] = _driven(kind, parts, registry)
    _describe_stores(parts, registry)
    for unused in ("DriverOptions", "StateAddress"):
        parts.pop(unused, None)
    one = {"$ref": "#/$defs/Deploy"}
    deploy = parts["Service"]["properties"]["deploy"]
    described = deploy.pop("description")
    parts["Service"]["properties"]["deploy"] = {
        "description": described,
        "anyOf": [one, {**deploy, "minItems": 1}],
    }
    urls = parts["Instances"]["properties"].pop("urls")
    parts["Instances"]["required"] = ["command"]
    parts["Instances"] = {"anyOf": [urls, parts["Instances"]]}
    return {"$schema": _DIALECT, "title": "lastgood.yaml", **writable(whole)}


def schema_text(registry: DriverRegistry) -> str:
    """The published file."""
    told = _without_indents(schema(registry))
    return json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _without_indents(part: object) -> object:
    """The same with docstrings as Python 3.13 keeps them: without the indents of their source."""
    if isinstance(part, list):
        return [_without_indents(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {
        key: cleandoc(inner)
        if key == "description" and isinstance(inner, str)
        else _without_indents(inner)
        for key, inner in part.items()
    }


def options_of(kind: type[Driven], name: str, registry: DriverRegistry) -> type[DriverOptions]:
    """The options model of a driver."""
    return cast("type[DriverOptions]", resolve(registry.spec(kind.family, name).options))


def _describe_stores(parts: JsonObject, registry: DriverRegistry) -> None:
    """A store is written within the options of a database's driver; each driver may have one."""
    address, name = {"type": "string"}, Store.__name__
    within = [part for part in parts if part.endswith(f"-{name}")]
    for part in within:
        parts[part] = {"anyOf": [address, {"$ref": f"#/$defs/{name}"}]}
    if within:
        parts[name] = Driven.model_json_schema()
        parts[name] = {**_driven(Store, parts, registry), "description": Store.__doc__}


def _driven(kind: type[Driven], parts: JsonObject, registry: DriverRegistry) -> JsonObject:
    names = registry.names(kind.family)
    common: JsonObject = dict(parts[kind.__name__]["properties"])
    common.pop("options")
    if not names:
        contract = CONTRACTS.get(kind.family, Contract())
        own: JsonObject = {key: {} for key in sorted(contract.keys)}
        return {
            "type": "object",
            "description": kind.__doc__,
            "properties": {**own, **common},
            "required": ["driver"],
        }
    by_name = {name: key for key, name in named_by(kind.family, registry).items()}
    forms = [_one_driver(kind, name, by_name.get(name), parts, registry) for name in names]
    return {"description": kind.__doc__, "anyOf": forms}


def _one_driver(
    kind: type[Driven],
    name: str,
    key: str | None,
    parts: JsonObject,
    registry: DriverRegistry,
) -> JsonObject:
    common: JsonObject = dict(parts[kind.__name__]["properties"])
    common.pop("options")
    prefix = f"{kind.family}-{name}-"
    own = options_of(kind, name, registry).model_json_schema(
        ref_template=f"#/$defs/{prefix}{{model}}"
    )
    parts.update({prefix + part: body for part, body in own.pop("$defs", {}).items()})
    required = own.get("required", [])
    driver = {"const": name, "description": registry.spec(kind.family, name).summary}
    return {
        "title": name,
        "type": "object",
        "description": own.get("description", ""),
        "properties": {**common, **own.get("properties", {}), "driver": driver},
        "required": sorted({*required, key} if key else {*required, "driver"}),
        "additionalProperties": False,
    }
