from __future__ import annotations

import pytest

from lastgood.errors import ConfigError
from lastgood.ports.spec import FAMILIES, DriverRegistry, DriverSpec, resolve


def spec(name: str, key: str | None = None) -> DriverSpec:
    return DriverSpec(
        family="check", name=name, summary="", options="json:loads", factory="json:dumps", key=key
    )


def test_a_driver_is_found_by_family_and_name() -> None:
    registry = DriverRegistry([spec("tcp", "tcp"), spec("http", "url"), spec("other")])

    assert registry.spec("check", "tcp").key == "tcp"
    assert registry.names("check") == ("http", "other", "tcp")
    assert registry.names("deploy") == ()
    assert registry.keys("check") == {"url": "http", "tcp": "tcp"}


def test_an_unknown_driver_says_which_there_are() -> None:
    with pytest.raises(ConfigError, match="no check driver named htp") as error:
        DriverRegistry([spec("http")]).spec("check", "htp")

    assert "http" in error.value.cause


def test_two_drivers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two check drivers named http"):
        DriverRegistry([spec("http"), spec("http")])


def test_a_part_is_imported_when_it_is_needed() -> None:
    assert resolve("json:loads") is __import__("json").loads


@pytest.mark.parametrize("path", ["json:absent", "no_such_module_at_all:x"])
def test_a_part_that_is_not_there_is_said(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded"):
        resolve(path)


def test_the_families_are_those_of_the_design() -> None:
    assert len(FAMILIES) == len(set(FAMILIES)) == 9
