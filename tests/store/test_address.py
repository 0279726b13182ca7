from __future__ import annotations

from pathlib import Path

import pytest

from lastgood.errors import StateError
from lastgood.store.address import state_path


def test_a_relative_path_lies_under_the_configuration() -> None:
    assert state_path("sqlite:///.lastgood/state.db", Path("/srv/app")) == Path(
        "/srv/app/.lastgood/state.db"
    )


def test_an_absolute_path_stays() -> None:
    assert state_path("sqlite:////var/lib/s.db", Path("/srv/app")) == Path("/var/lib/s.db")


def test_odd_names_are_names() -> None:
    assert state_path("sqlite:///a b/100%/ü.db", Path("/x")) == Path("/x/a b/100%/ü.db")


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgres://h/d", "postgresql+psycopg://h/d"])
def test_postgresql_is_not_in_this_version(url: str) -> None:
    with pytest.raises(StateError, match="PostgreSQL") as caught:
        state_path(url, Path("/x"))
    assert "not in this version" in caught.value.cause
    assert "sqlite:///" in caught.value.mend


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///folder/", "mysql://h/d"]
)
def test_what_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(StateError) as caught:
        state_path(url, Path("/x"))
    assert caught.value.code == "state-address"


def test_a_password_in_a_wrong_address_is_not_shown() -> None:
    for url in ("mysql://me:hunter22@h/d", "postgresql://me:hunter22@h/d"):
        with pytest.raises(StateError) as caught:
            state_path(url, Path("/x"))
        assert "hunter22" not in str(caught.value)
