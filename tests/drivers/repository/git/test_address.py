from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from lastgood.drivers.repository.git.address import read_address
from lastgood.drivers.repository.git.options import GitRepositoryOptions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:Org/app.git",
        "ssh://git@github.com/Org/app",
        "https://github.com/Org/app.git",
        "https://me:hunter2@GitHub.com/Org/app.git",
        "https://github.com/Org/app/",
    ],
)
def test_one_remote_is_written_in_many_ways(tmp_path: Path, text: str) -> None:
    assert read_address(text, tmp_path).identity == "github.com/Org/app"


def test_a_password_stays_out_of_the_process_list(tmp_path: Path) -> None:
    address = read_address("https://me:p%40ss@host:8443/app.git", tmp_path)
    assert address.url == "https://host:8443/app.git"
    assert address.settings == (
        ("http.https://host:8443/.extraHeader", "Authorization: Basic bWU6cEBzcw=="),
    )
    assert "ss" not in address.key


def test_a_path_starts_at_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "remote.git")
    address = read_address("link", tmp_path)
    assert address.is_path
    assert address.url == str(tmp_path.resolve() / "remote.git")
    assert address.identity == read_address(str(tmp_path / "remote.git"), tmp_path).identity


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "--upload-pack=touch pwned", "ext::sh -c touch% pwned", "fd::7", "a\nb", "a\0b"),
        *("ssh://-oProxyCommand=x/y", "ftp://host/x", "https://[broken", "\udcff"),
    ],
)
def test_what_could_run_commands_is_no_remote(text: str) -> None:
    with pytest.raises(ValidationError):
        GitRepositoryOptions(repository=text)


@pytest.mark.parametrize(
    "text", ["", "-f", "a b", "a..b", "a:b", "refs/heads/main", "a.lock", "/a", "a/", "@", "x\n"]
)
def test_what_is_no_branch(text: str) -> None:
    with pytest.raises(ValidationError):
        GitRepositoryOptions(repository="x", branch=text)


def test_a_name_that_may_be_a_token_stays_out_of_it_too(tmp_path: Path) -> None:
    address = read_address("https://ghp%5FtokenToken@git.invalid:8443/shop.git", tmp_path)
    assert "token" not in address.url + address.identity + address.key
    assert address.settings == (("credential.https://git.invalid:8443.username", "ghp_tokenToken"),)
    assert read_address("https://git.invalid/shop.git", tmp_path).settings == ()
