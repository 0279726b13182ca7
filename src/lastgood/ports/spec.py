"""What a driver says of itself before it is loaded, and the register of all that are known."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, get_args

from lastgood.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

Family = Literal[
    "check",
    "deploy",
    "repository",
    "signal",
    "database",
    "objects",
    "notify",
    "maintenance",
    "fault",
]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """A driver by name; nothing of it is imported until it is needed.

    A driver's folder has a module `spec` with one constant `SPEC`.

    Attributes:
        family: the port that it implements.
        name: what `driver:` says in the configuration.
        summary: one line for people.
        options: where its options model is, `package.module:Class`.
        factory: where its maker is, `package.module:callable`.
        key: an option whose presence names this driver, so that `driver:` may be left out
            (`url` of the check driver `http`).
    """

    family: Family
    name: str
    summary: str
    options: str
    factory: str
    key: str | None = None


class DriverRegistry:
    """Every driver that can be named in the configuration, by family and name."""

    def __init__(self, specs: Iterable[DriverSpec] = ()) -> None:
        self._specs: dict[tuple[Family, str], DriverSpec] = {}
        for spec in specs:
            if (spec.family, spec.name) in self._specs:
                raise ConfigError(
                    f"there are two {spec.family} drivers named {spec.name}",
                    cause=f"{self._specs[spec.family, spec.name].factory} and {spec.factory}",
                    mend="uninstall one of the two packages that bring it",
                    code="driver-twice",
                )
            self._specs[spec.family, spec.name] = spec

    def spec(self, family: Family, name: str) -> DriverSpec:
        """The driver of that name.

        Raises:
            ConfigError: there is none (code `unknown-driver`).
        """
        try:
            return self._specs[family, name]
        except KeyError:
            known = ", ".join(self.names(family)) or "none"
            raise ConfigError(
                f"there is no {family} driver named {name}",
                cause=f"the {family} drivers of this installation are: {known}",
                mend="name one of them, or install the package that brings it",
                code="unknown-driver",
            ) from None

    def names(self, family: Family) -> tuple[str, ...]:
        """The names of a family's drivers, sorted; empty while the family is not built."""
        return tuple(sorted(name for kind, name in self._specs if kind == family))

    def keys(self, family: Family) -> dict[str, str]:
        """The options that name a driver by their presence, with the driver's name."""
        return {
            spec.key: spec.name
            for (kind, _), spec in sorted(self._specs.items())
            if kind == family and spec.key is not None
        }


def resolve(path: str) -> object:
    """Import what `package.module:attribute` names.

    Raises:
        ConfigError: it is not there (code `driver-broken`).
    """
    module, _, attribute = path.partition(":")
    try:
        found: object = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as broken:
        raise ConfigError(
            f"the driver part {path} cannot be loaded",
            cause=str(broken),
            mend="install the package that brings it again",
            code="driver-broken",
        ) from broken
    return found
