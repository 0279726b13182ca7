"""The `lastgood.yaml` of the miniature production: what a team would have written for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from lastgood.backup.keyfile import make_key_file

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.demo.production import Production

STABILITY_S = 2
"""Seconds a release soaks in the demo; a real production takes half an hour."""

KEYS = ("operational.key", "recovery.key")
"""The key files beside the configuration; in real life the second one lies elsewhere."""


def write_configuration(production: Production, folder: Path) -> Path:
    """Write the configuration into a folder, made when it is not there; gives its path.

    The keys that backups are made for are made beside it, once.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for key in KEYS:
        if not (folder / key).exists():
            make_key_file(folder / key)
    path = folder / "lastgood.yaml"
    # JSON is YAML: nothing in a path can break out of its quotes.
    text = "# The miniature production, as a team would describe its own.\n"
    path.write_text(text + json.dumps(_settings(production), indent=2) + "\n", encoding="utf-8")
    return path


def _settings(production: Production) -> dict[str, object]:
    edge = production.edge_url
    health = {"url": f"{edge}/health", "expect": {"json": {"status": "healthy"}},
              "version": {"json": "commit"}}  # fmt: skip
    login = {
        "url": f"{edge}/api/auth/login",
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": '{"username": "probe", "password": "wrong"}',
        "expect": {"status": 401},
    }
    home = {"url": f"{edge}/version.json", "version": {"json": "commit"}}
    # Patient with a machine that runs a whole production and more.
    pace = {"every": "0.5s", "during_rollback": "0.2s", "timeout": "10s", "fail_after": 5}
    environment = {
        "budget": "5m",
        "stability": f"{STABILITY_S}s",
        "services": {
            "backend": _service(production, "backend", ["api-health", "login"])
            | {"instances": production.instances},
            "frontend": _service(production, "frontend", ["home"]),
        },
        "databases": {"main": _database(production)},
        "checks": {
            "api-health": health | pace,
            "login": login | pace,
            "home": home | pace,
            "data": _data() | pace,
        },
        "signals": {
            "users_affected": {
                "driver": "access-log",
                "path": str(production.access_log),
                "user": "request.headers.X-User-Hash",
                "window": "30s",
            }
        },
    }
    return {"version": 1, "project": "paiid", "environments": {"production": environment}}


def _database(production: Production) -> dict[str, object]:
    return {
        "driver": "postgres",
        "dsn": production.database_dsn,
        "warm_target": "before-deploy",
        "backup": {
            "store": f"file://{quote(str(production.layout.backups))}",
            "recipients": [f"file:{key}" for key in KEYS],
        },
    }


def _data() -> dict[str, object]:
    """What a team that knows its data would ask of it all day."""
    names = {
        "name": "every user has a name",
        "sql": "SELECT count(*) FROM users WHERE name LIKE '?%'",
        "expect": 0,
    }
    return {"postgres": "main", "verify": [names]}


def _service(production: Production, name: str, checks: list[str]) -> dict[str, object]:
    repository = {"repository": str(production.remote), "branch": "main", "paths": [f"{name}/"]}
    releases: dict[str, object] = {
        "driver": "releases",
        "path": str(production.service_path(name)),
        "keep": 10,
        **repository,
    }
    restart = production.restart_command(name)
    if restart:
        releases["restart"] = restart
    return {"deploy": [releases, {"driver": "git", **repository}], "checks": checks}
