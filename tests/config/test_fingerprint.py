from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.config import config_hash, load
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import Reader

    from lastgood.ports.spec import DriverRegistry

TEXT = """\
environments:
  live:
    services: {web: {deploy: {driver: releases, path: srv}}}
    checks: {web: {url: "http://${HOST}/", token: "${TOKEN}"}}
  test: {}
"""


def test_it_changes_with_what_is_said_and_not_with_how(read: Reader) -> None:
    first = config_hash(read(TEXT, HOST="example.org", TOKEN="first-token"))

    same = TEXT.replace("  live:\n", "  live:\n    budget: 300s  # the default\n")
    assert config_hash(read(same, HOST="example.org", TOKEN="first-token")) == first
    other = TEXT.replace("path: srv", "path: srw")
    assert config_hash(read(other, HOST="example.org", TOKEN="first-token")) != first
    assert len(first) == 64


def test_secrets_do_not_count(read: Reader) -> None:
    first = config_hash(read(TEXT, HOST="example.org", TOKEN="first-token"))

    assert config_hash(read(TEXT, HOST="example.net", TOKEN="other-token")) == first


def test_where_the_file_lies_does_not_count(
    read: Reader, registry: DriverRegistry, tmp_path: Path
) -> None:
    environ = {"HOST": "example.org", "TOKEN": "first-token"}
    here = read(TEXT, **environ)
    there = tmp_path / "there" / "lastgood.yaml"
    there.parent.mkdir()
    there.write_bytes(here.file.read_bytes())

    assert config_hash(load(there, registry, environ=environ)) == config_hash(here)


def test_one_environment_has_its_own(read: Reader) -> None:
    settings = read(TEXT, HOST="example.org", TOKEN="first-token")

    hashes = {config_hash(settings), config_hash(settings, "live"), config_hash(settings, "test")}
    assert len(hashes) == 3
    with pytest.raises(UsageError):
        config_hash(settings, "nowhere")
