"""A register with a few small drivers, and a way to write a configuration and read it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import pytest
from pydantic import Field

from lastgood.config import Settings, load
from lastgood.config.base import Strict
from lastgood.config.options import Argv, ConfigPath, DriverOptions, Interval, Secret, Url
from lastgood.ports.spec import DriverRegistry, DriverSpec, Family

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = "options_of_the_config_tests"
HEAD = "version: 1\nproject: shop\n"


class Expectation(Strict):
    """What an answer must be."""

    status: int = Field(200, description="The status.")


class HttpOptions(DriverOptions):
    """Asks an address."""

    url: Url = Field(description="The address.")
    expect: Expectation = Field(default_factory=Expectation, description="What must hold.")
    token: Secret | None = Field(None, description="Sent along.")
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")


class CommandOptions(DriverOptions):
    """Runs a command."""

    command: Argv = Field(description="The command.")


class ReleasesOptions(DriverOptions):
    """Flips a link."""

    path: ConfigPath = Field(description="The folder.")
    keep: int = Field(10, ge=1, description="How many stay.")
    wait: Interval = Field(1.0, description="How long.")


MODELS = (HttpOptions, CommandOptions, ReleasesOptions)
SPECS: tuple[tuple[Family, str, type[DriverOptions], str | None], ...] = (
    ("check", "http", HttpOptions, "url"),
    ("check", "command", CommandOptions, "command"),
    ("deploy", "releases", ReleasesOptions, None),
)


@pytest.fixture(scope="session")
def registry() -> Iterator[DriverRegistry]:
    module = ModuleType(MODULE)
    for model in MODELS:
        setattr(module, model.__name__, model)
    sys.modules[MODULE] = module
    yield DriverRegistry(
        DriverSpec(
            family=family,
            name=name,
            summary=f"the driver {name}",
            options=f"{MODULE}:{model.__name__}",
            factory=f"{MODULE}:{model.__name__}",
            key=key,
        )
        for family, name, model, key in SPECS
    )
    del sys.modules[MODULE]


class Reader(Protocol):
    """Writes a configuration and reads it."""

    def __call__(
        self, text: str, environment: str | None = None, *, head: str = HEAD, **environ: str
    ) -> Settings: ...


@pytest.fixture
def read(tmp_path: Path, registry: DriverRegistry) -> Reader:
    def write_and_read(
        text: str, environment: str | None = None, *, head: str = HEAD, **environ: str
    ) -> Settings:
        file = tmp_path / "lastgood.yaml"
        file.write_text(head + text, encoding="utf-8")
        return load(file, registry, environment, environ=environ)

    return write_and_read


@pytest.fixture(scope="session")
def example() -> str:
    """The example of the reference page: the contract's own."""
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    text = page.read_text(encoding="utf-8")
    return text.partition("```yaml\n")[2].partition("```")[0]
