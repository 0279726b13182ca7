from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lastgood.drivers.deploy.releases import options
from lastgood.drivers.deploy.releases.options import ReleasesOptions


def test_only_the_path_is_needed() -> None:
    read = ReleasesOptions.model_validate({"path": "/srv/web"})
    assert read.path == Path("/srv/web")
    assert (read.keep, read.restart, read.restart_timeout) == (10, None, 60.0)


def test_durations_and_commands_are_read() -> None:
    read = ReleasesOptions.model_validate(
        {"path": "/srv/web", "restart": ["systemctl", "restart", "web"], "restart_timeout": "2m"}
    )
    assert read.restart == ("systemctl", "restart", "web")
    assert read.restart_timeout == 120.0


@pytest.mark.parametrize(
    "fault",
    [
        {"keep": 0},
        {"restart": "systemctl restart web"},
        {"restart": []},
        {"drain_timeout": "0s"},
        {"retain": 3},
    ],
)
def test_nonsense_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReleasesOptions.model_validate({"path": "/srv/web", **fault})


def test_each_option_is_in_the_readme_with_its_words() -> None:
    text = Path(options.__file__).with_name("README.md").read_text(encoding="utf-8")
    for name, field in ReleasesOptions.model_fields.items():
        assert f"| `{name}` |" in text
        assert field.description
