from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lastgood.config import choose_environment, find
from lastgood.errors import ConfigError, ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import Reader

BOTH = "environments: {production: {}, staging: {}}\n"


def test_the_nearest_file_upward_is_found(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / "lastgood.yaml").touch()
    assert find(deep) == tmp_path / "lastgood.yaml"

    (tmp_path / "a" / "lastgood.yaml").touch()
    assert find(deep) == tmp_path / "a" / "lastgood.yaml"


def test_a_folder_of_that_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a" / "lastgood.yaml").mkdir(parents=True)
    (tmp_path / "lastgood.yaml").touch()

    assert find(tmp_path / "a") == tmp_path / "lastgood.yaml"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_file_that_anybody_may_have_put_there_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "lastgood.yaml"
    file.touch()
    inner = tmp_path / "inner"
    inner.mkdir()
    os.chown(file, 65_534, 65_534)
    assert find(inner) == file

    tmp_path.chmod(0o1777)
    with pytest.raises(ConfigError, match="somebody else's") as error:
        find(inner)
    assert error.value.code == "strangers-config"
    assert "--config" in error.value.mend


def test_a_closed_folder_above_holds_no_file(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65_534)
        with pytest.raises(ConfigError) as error:
            find(inner)
    finally:
        os.seteuid(user)
        inner.parent.chmod(0o700)
    assert error.value.code == "no-config"


def test_without_a_file_init_is_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        find(tmp_path)

    assert "lastgood init" in error.value.mend
    assert (error.value.code, error.value.exit_code) == ("no-config", ExitCode.USAGE)


@pytest.mark.parametrize(
    ("text", "asked", "variable", "chosen"),
    [
        (BOTH, "staging", "production", "staging"),
        (BOTH, None, "staging", "staging"),
        (BOTH, None, "", "production"),
        (BOTH, None, None, "production"),
        ("environments: {live: {}}\n", None, None, "live"),
    ],
)
def test_the_environment_is_asked_or_named_or_the_only_one_or_production(
    read: Reader, text: str, asked: str | None, variable: str | None, chosen: str
) -> None:
    environ = {} if variable is None else {"ENVIRONMENT": variable}

    assert choose_environment(read(text), asked, environ) == chosen


def test_an_unknown_one_suggests_the_nearest(read: Reader) -> None:
    with pytest.raises(UsageError) as error:
        choose_environment(read(BOTH), "prodution", {})

    assert error.value.mend == "did you mean production?"


def test_the_variable_is_not_silently_passed_over(read: Reader) -> None:
    with pytest.raises(UsageError, match="no environment 'test'"):
        choose_environment(read("environments: {live: {}}\n"), None, {"ENVIRONMENT": "test"})


def test_without_production_somebody_must_say_which(read: Reader) -> None:
    with pytest.raises(UsageError, match="not clear which"):
        choose_environment(read("environments: {east: {}, west: {}}\n"), None, {})


def test_one_that_was_not_read_can_still_be_named(read: Reader) -> None:
    settings = read(BOTH, "staging")

    assert choose_environment(settings, "production", {}) == "production"
