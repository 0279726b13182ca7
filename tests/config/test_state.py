from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.config import FaultyConfigError
from lastgood.config.state import server_of

if TYPE_CHECKING:
    from tests.config.conftest import Reader


def text(state: str, dsn: str = "postgresql://app@db1/shop") -> str:
    return (
        f"state: {state}\n"
        f"environments: {{p: {{databases: {{main: {{driver: postgres, dsn: '{dsn}'}}}}}}}}\n"
    )


def test_a_relative_file_lies_beside_the_configuration(read: Reader, tmp_path: Path) -> None:
    state = read(text("sqlite:///x/../here.db")).state

    assert (state.kind, state.path) == ("sqlite", tmp_path / "here.db")
    assert state.url.reveal() == f"sqlite:///{tmp_path}/here.db"
    assert str(state) == state.shown == state.url.reveal()


def test_an_absolute_file_stays(read: Reader) -> None:
    assert read(text("sqlite:////var/lib/lastgood.db")).state.path == Path("/var/lib/lastgood.db")


def test_a_server_is_shown_without_its_password(read: Reader) -> None:
    settings = read(text("postgresql://u:hunter22@db2:5433/lastgood?sslmode=require"))

    assert str(settings.state) == "postgresql://db2:5433/lastgood"
    assert settings.state.url.reveal().endswith("sslmode=require")
    assert "hunter22" in settings.secrets
    assert "hunter22" not in repr(settings)


@pytest.mark.parametrize(
    "state", ["sqlite:///", "sqlite://", "sqlite:///:memory:", "mysql://a/b", "state.db", "7", "[]"]
)
def test_what_does_not_last_is_no_state(read: Reader, state: str) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read(text(f"'{state}'" if state != "[]" else state))

    assert [fault.field for fault in error.value.faults] == ["state"]


@pytest.mark.parametrize(
    ("state", "dsn"),
    [
        ("postgresql://a@db1/shop", "postgresql://app:pw@db1/shop"),
        ("postgresql+psycopg://a@DB1:5432/shop", "postgres://app@db1/shop?sslmode=require"),
        ("postgresql:///shop", "postgresql://app@localhost/shop"),
        ("postgresql:///shop?host=/var/run/postgresql", "postgresql://127.0.0.1:5432/shop"),
        ("postgresql://a@db1/sh%6fp", "postgresql://app@db1/shop"),
        ("postgresql://shop@db1", "postgresql://app@db1/shop"),
        ("postgresql://a@other/other?host=db1&dbname=shop", "postgresql://app@db1/shop"),
        ("postgresql://a@db2:5433/shop", "postgresql://app:pw@db1,db2:5433/shop"),
        ("postgresql://a@db1/shop", "host=db1 user=app password=pw dbname = shop"),
        ("postgresql://a@db2/shop", "host=db1,db2 port=5433,5432 dbname=shop"),
        ("postgresql:///shop", "dbname=shop"),
    ],
)
def test_the_state_is_never_in_a_database_that_is_rolled_back(
    read: Reader, state: str, dsn: str
) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read(text(state, dsn))

    assert [(fault.line, fault.field) for fault in error.value.faults] == [(3, "state")]
    assert "main of p" in error.value.faults[0].what


@pytest.mark.parametrize(
    "state",
    ["postgresql://a@db1/lastgood", "postgresql://a@db2/shop", "postgresql://a@db1:5433/shop"],
)
def test_beside_it_is_fine(read: Reader, state: str) -> None:
    assert read(text(state)).state.kind == "postgresql"


def test_the_same_reference_is_seen_even_when_it_is_not_followed(read: Reader) -> None:
    both = text("${DB}", "${DB}").replace("{p: ", "{q: {}, p: ")

    with pytest.raises(FaultyConfigError, match="which is rolled back"):
        read(both, "p", DB="postgresql://app:hunter22@db1/shop")
    with pytest.raises(FaultyConfigError, match="which is rolled back"):
        read(both, "q", DB="postgresql://app:hunter22@db1/shop")


@pytest.mark.parametrize("dsn", ["", "sqlite:///x", "http://h/x", "postgresql://h:port/x", "\0"])
def test_what_is_no_server_is_none(dsn: str) -> None:
    assert server_of(dsn) is None
