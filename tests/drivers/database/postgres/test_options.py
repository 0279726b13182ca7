"""What can be written for a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from lastgood.app.registry import registry
from lastgood.config import FaultyConfigError, load

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.config import Settings
    from lastgood.drivers.database.postgres.options import PostgresOptions

CONTRACT = """
      dsn: ${URL}
      direct_dsn: host=db1 user=app password='p w' dbname=shop
      migrations: {tool: alembic, path: backend/alembic}
      quarantine: 7d
      backup:
        every: 6h
        keep: 7d
        store: s3://backups/production
        recipients: [file:.lastgood/operational.key, age:age1xyz]
      verify:
        - {name: users, sql: SELECT count(*) FROM users, expect: "> 0"}
        - {name: exact, sql: SELECT 3, expect: 3}
        - {name: truth, sql: SELECT true, expect: true}
      before_open:
        - DELETE FROM jobs
        - {command: [./flush.sh]}
"""


def read(folder: Path, keys: str, url: str = "postgresql://app:hunter22@db1/shop") -> Settings:
    file = folder / "lastgood.yaml"
    file.write_text(
        "version: 1\nproject: shop\nenvironments:\n production:\n  databases:\n   main:\n"
        f"      driver: postgres{keys}",
        encoding="utf-8",
    )
    return load(file, registry(), environ={"URL": url})


def options(folder: Path, keys: str) -> PostgresOptions:
    database = read(folder, keys).environment("production").databases["main"]
    return cast("PostgresOptions", database.options)


def test_the_keys_of_the_contract_are_read(tmp_path: Path) -> None:
    found = options(tmp_path, CONTRACT)

    assert found.backup.every == 6 * 3600
    assert found.quarantine == 7 * 86_400
    assert found.warm_target == "before-deploy"
    assert found.migrations is not None
    assert found.migrations.path == "backend/alembic"
    assert [query.expect for query in found.verify] == ["> 0", "= 3", "true"]
    assert [hook.sql for hook in found.before_open] == ["DELETE FROM jobs", None]


def test_no_address_shows(tmp_path: Path) -> None:
    settings = read(tmp_path, CONTRACT)
    found = options(tmp_path, CONTRACT)

    for text in (repr(found), str(found.model_dump()), found.model_dump_json(), repr(settings)):
        assert "hunter22" not in text
        assert "p w" not in text
    assert "hunter22" in settings.secrets


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", "before-deploy"), ("false", "off"), ("off", "off"), ("every-backup", "every-backup")],
)
def test_a_warm_target_may_be_true(tmp_path: Path, written: str, meant: str) -> None:
    assert options(
        tmp_path, f"\n      dsn: ${{URL}}\n      warm_target: {written}\n"
    ).warm_target == (meant)


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ("dsn: ${URL}\n      warm_traget: off", "there is no key 'warm_traget'"),
        ("dsn: shop", "no PostgreSQL address"),
        ("direct_dsn: ${URL}", "dsn"),
        ("dsn: ${URL}\n      backup: {every: 6}\n      quarantine: soon", "not a duration"),
        (
            'dsn: ${URL}\n      verify: [{name: a, sql: SELECT 1, expect: "> many"}]',
            "compares with no number",
        ),
        (
            "dsn: ${URL}\n      verify: [&q {name: a, sql: b, expect: c}, *q]",
            "two queries named 'a'",
        ),
        ("dsn: ${URL}\n      before_open: [{sql: SELECT 1, command: [x]}]", "nothing, or two"),
        ("dsn: ${URL}\n      before_open: [{}]", "nothing, or two"),
    ],
)
def test_a_fault_is_said(tmp_path: Path, keys: str, what: str) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read(tmp_path, f"\n      {keys}\n")

    assert what in str(error.value)
    assert "hunter22" not in str(error.value)
