"""What docs/ says of the configuration is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.app.registry import registry as installed
from lastgood.config import model
from lastgood.config.base import Strict
from lastgood.config.reference import renew, table
from lastgood.config.schema import DRIVEN, options_of, schema, schema_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from lastgood.ports.spec import DriverRegistry

DOCS = Path(__file__).parents[2] / "docs"


def parts() -> Iterator[type[BaseModel]]:
    for part in vars(model).values():
        if (
            isinstance(part, type)
            and issubclass(part, Strict)
            and part.__module__ == model.__name__
        ):
            yield part
    for kind in DRIVEN:
        for name in installed().names(kind.family):
            yield options_of(kind, name, installed())


def test_the_page_is_current() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")

    assert renew(page, installed()) == page, "renew it with: make schema"


def test_the_schema_is_current() -> None:
    published = (DOCS / "lastgood.schema.json").read_text(encoding="utf-8")

    assert published == schema_text(installed()), "renew it with: make schema"


def test_every_key_is_described() -> None:
    silent = [
        f"{part.__name__}.{name}"
        for part in parts()
        for name, info in part.model_fields.items()
        if not info.description
    ]

    assert silent == []


def test_every_part_of_the_model_is_on_the_page() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")

    told = set(re.findall(r"<!-- fields: (\w+) -->", page))
    families = set(re.findall(r"<!-- drivers: (\w+) -->", page))
    assert {kind.family for kind in DRIVEN} == families
    assert told >= {"Settings", "Environment", "Service", "Check", "Policy", "Contact", "Drills"}


def test_the_schema_knows_the_drivers_options(registry: DriverRegistry) -> None:
    made = schema(registry)
    deploy = made["$defs"]["Deploy"]["anyOf"][0]
    check = {form["title"]: form for form in made["$defs"]["Check"]["anyOf"]}

    assert set(deploy["properties"]) == {"driver", "path", "keep", "wait"}
    assert deploy["required"] == ["driver", "path"]
    assert check["http"]["required"] == ["url"]
    assert set(check["http"]["properties"]) >= {"url", "expect", "token", "every", "driver"}
    assert check["http"]["additionalProperties"] is False
    assert "channel" in made["$defs"]["Notify"]["properties"]


def test_every_reference_within_the_schema_leads_somewhere(registry: DriverRegistry) -> None:
    for drivers in (registry, installed()):
        text = schema_text(drivers)
        known = json.loads(text)["$defs"]
        assert {
            name for name in re.findall(r'"#/\$defs/([^"]+)"', text) if name not in known
        } == set()


def test_a_table_says_kind_and_default() -> None:
    rows = table(model.Check).splitlines()

    assert "| `every` | duration | `5s` | Time from one look to the next. |" in rows
    assert any(row.startswith("| `fail_after` | whole number | `3` |") for row in rows)
