"""An editor that knows the published schema says of a file what the loader says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from ruamel.yaml import YAML

from lastgood.app.initial.around import look_around
from lastgood.app.initial.text import configuration
from lastgood.app.registry import registry
from lastgood.config import FaultyConfigError, load

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[2] / "docs"
ENVIRON = {
    "BUDGET": "5m",
    "KEEP": "3",
    "DISK": "200 gb",
    "URL": "http://shop.example/",
    "SHARE": "0.5",
    "MODE": "every-backup",
    "KEY": "c2hvcC1iYWNrdXBz",
    "PRODUCTION_DATABASE_URL": "postgresql://u@db/shop",
    "SLACK_TOKEN": "xoxb-0000",
}
SERVICE = "services: {web: {deploy: {driver: releases, path: /srv/web, "
DATABASE = "databases: {main: {driver: postgres, dsn: 'postgresql://u@db/shop', "
STORE = DATABASE + "backup: {store: {"
CHECK = "checks: {home: {url: 'http://shop.example/', "

GOOD = (
    "budget: 5m",
    "budget: 5 m",
    "budget: 2.5",
    "budget: ${BUDGET}",
    "stability: 0s",
    "policy: {rollback_over_share: '${SHARE}'}",
    "checks: {home: {url: '${URL}'}}",
    CHECK + "expect: {status: 200}}}",
    CHECK + "expect: {status: [200, 204], json: {status: healthy}}}}",
    "checks: {job: {command: [sleep, 1]}}",
    SERVICE + "keep: '${KEEP}'}}}",
    SERVICE + "keep: 3}}}",
    "services: {web: {deploy: [{driver: releases, path: /srv/web}]}}",
    "connectivity: ['192.0.2.1:53', '[2001:db8::1]:53']",
    "notify: [{driver: slack, channel: '#x'}]",
    DATABASE + "warm_target: true}}",
    DATABASE + "warm_target: false}}",
    DATABASE + "disk: 200GB}}",
    DATABASE + "disk: 1.5 TiB}}",
    DATABASE + "disk: '${DISK}'}}",
    DATABASE + "warm_target: every-backup}}",
    DATABASE + "warm_target: '${MODE}'}}",
    DATABASE + "before_open: [TRUNCATE jobs, {sql: SELECT 1}, {command: [./flush]}]}}",
    DATABASE + "migrations: {path: db/migrations}}}",
    DATABASE + "backup: {store: 's3://shop-backups/main'}}}",
    STORE + "url: 's3://shop-backups', endpoint: 'https://s3.shop.example', region: eu}}}}",
    STORE + "url: 's3://shop-backups', driver: obstore, retries: 3, timeout: 30s, part: 32}}}}",
    STORE + "url: 'az://backups', account: shop, account_key: '${KEY}'}}}}",
)
BAD = (
    "budget: -1s",
    "budget: 0s",
    "budget: 0",
    "budget: 5min",
    "budgets: 5m",
    "policy: {auto: maybe}",
    "policy: {rollback_over_share: 50}",
    "checks: {a/b: {url: 'http://shop.example/'}}",
    "checks: {a..b: {url: 'http://shop.example/'}}",
    "checks: {a.lock: {url: 'http://shop.example/'}}",
    "checks: {home: {url: 'ftp://shop.example/'}}",
    CHECK + "expect: {status: 20}}}",
    "checks: {job: {command: sleep 1}}",
    "checks: {job: {command: []}}",
    "services: {web: {deploy: []}}",
    "services: {web: {deploy: {driver: realeses, path: /srv/web}}}",
    SERVICE + "keep: 0}}}",
    SERVICE + "keeps: 3}}}",
    "connectivity: ['192.0.2.1']",
    "notify: [{channel: '#x'}]",
    DATABASE + "disk: large}}",
    DATABASE + "disk: -1}}",
    DATABASE + "disk: 0GB}}",
    DATABASE + "disk: true}}",
    DATABASE + "warm_target: sometimes}}",
    DATABASE + "warm_target: 1}}",
    DATABASE + "before_open: ['']}}",
    DATABASE + "before_open: [{sqls: x}]}}",
    DATABASE + "before_open: [{}]}}",
    DATABASE + "before_open: [{sql: SELECT 1, command: [./flush]}]}}",
    DATABASE + "before_open: TRUNCATE jobs}}",
    DATABASE + "backup: {store: []}}}",
    STORE + "endpoint: 'https://s3.shop.example'}}}}",
    STORE + "url: 's3://shop-backups', endpont: 'https://s3.shop.example'}}}}",
    STORE + "url: 's3://shop-backups', endpoint: s3.shop.example}}}}",
    STORE + "url: 's3://shop-backups', retries: many}}}}",
    STORE + "url: 's3://shop-backups', part: 1}}}}",
)


def plain(text: str) -> Any:
    """The file as an editor reads it; a reference may stand unquoted also within braces."""
    return YAML(typ="safe").load(re.sub(r"(: )(\$\{[^}]*\})", r'\1"\2"', text))


def complaints(text: str) -> list[str]:
    """What the schema says against a file."""
    schema = json.loads((DOCS / "lastgood.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(plain(text))]


def loads(text: str, folder: Path, environ: Mapping[str, str] = ENVIRON) -> bool:
    """Whether the loader takes it."""
    file = folder / "lastgood.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load(file, registry(), environ=environ)
    except FaultyConfigError:
        return False
    return True


def whole(line: str) -> str:
    return f"version: 1\nproject: shop\nenvironments:\n  production:\n    {line}\n"


def test_the_page_s_example_is_good(tmp_path: Path) -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]

    assert complaints(example) == []
    assert loads(example, tmp_path)


async def test_what_init_writes_is_good(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    releases = tmp_path / "backend" / "releases" / "abcdef1"
    releases.mkdir(parents=True)
    (tmp_path / "backend" / "current").symlink_to(releases)
    text = configuration(await look_around(tmp_path, hosted=()))

    assert complaints(text) == []
    assert loads(text, tmp_path)


@pytest.mark.parametrize("line", GOOD)
def test_both_take(line: str, tmp_path: Path) -> None:
    assert loads(whole(line), tmp_path)
    assert complaints(whole(line)) == []


@pytest.mark.parametrize("line", BAD)
def test_both_refuse(line: str, tmp_path: Path) -> None:
    assert not loads(whole(line), tmp_path)
    assert complaints(whole(line)) != []
