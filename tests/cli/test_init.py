"""`lastgood init`, and what a newcomer does after it."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.testing.remote import GitRemote, run_git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def test_json_names_the_file_the_services_and_what_is_next(
    lastgood: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "shop" / "web").mkdir(parents=True)
    said = lastgood("init", "--json", cwd=tmp_path / "shop")
    assert said.code == 0
    assert said.json["config"] == str(tmp_path / "shop" / "lastgood.yaml")
    assert said.json["created"] is True
    assert [service["name"] for service in said.json["services"]] == ["web"]
    assert "lastgood doctor" in said.json["next"]


def test_a_second_init_is_refused_and_names_force(
    lastgood: Callable[..., Any], tmp_path: Path
) -> None:
    first = lastgood("init")
    before = (tmp_path / "lastgood.yaml").read_text()
    second = lastgood("init", "--json")
    assert (first.code, second.code) == (0, 5)
    assert second.json["error"]["code"] == "config-exists"
    assert "--force" in second.json["error"]["mend"]
    assert (tmp_path / "lastgood.yaml").read_text() == before
    assert lastgood("init", "--force").code == 0


def test_a_dry_run_prints_the_file_as_it_would_stand(
    lastgood: Callable[..., Any], tmp_path: Path
) -> None:
    said = lastgood("init", "--dry-run")
    assert said.code == 0
    assert not (tmp_path / "lastgood.yaml").exists()
    lastgood("init")
    assert (tmp_path / "lastgood.yaml").read_text() == said.out


def test_another_file_can_be_named(lastgood: Callable[..., Any], tmp_path: Path) -> None:
    assert lastgood("init", "--config", "ops.yaml").code == 0
    assert (tmp_path / "ops.yaml").is_file()
    assert lastgood("status", "--config", "ops.yaml").code == 0


def test_hostile_names_do_not_reach_the_terminal(
    lastgood: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "a\x1b]0;owned\x07\nb"
    (folder / "backend").mkdir(parents=True)
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    run_git(folder, "remote", "add", "origin", "x\x1b[2J\ny.git")
    said = lastgood("init", cwd=folder)
    assert said.code == 0
    assert "\x1b" not in said.out + said.err
    assert lastgood("status", cwd=folder).code == 0


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A server that answers with what `current` names."""
    current = tmp_path / "shop" / "web" / "current"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"commit": current.resolve().name}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_from_nothing_to_a_plan(lastgood: Callable[..., Any], tmp_path: Path, site: str) -> None:
    """What a newcomer does, command by command, as each one says."""
    remote = GitRemote(tmp_path / "remote.git")
    commits = [remote.commit({"web/index.html": text}, text) for text in ("good", "bad")]
    run_git(tmp_path, "clone", "--quiet", str(remote.place), "shop")
    shop = tmp_path / "shop"
    for commit in commits:
        (shop / "web" / "releases" / commit).mkdir(parents=True)
        (shop / "web" / "releases" / commit / "index.html").write_text(commit)
    (shop / "web" / "current").symlink_to(f"releases/{commits[1]}")

    begun = lastgood("init", "--json", cwd=shop)
    assert begun.code == 0, begun
    assert begun.json["services"][0]["deploy"] == ["releases"]
    assert begun.json["gitignore"] == str(shop / ".gitignore")

    seen = lastgood("doctor", "--json", cwd=shop)
    assert seen.code == 3, seen
    missing = {fact["name"] for fact in seen.json["checks"] if not fact["ok"]}
    assert missing == {"web: proof", "web: target"}

    config = shop / "lastgood.yaml"
    text = config.read_text()
    for line in ("#checks:", "#web-health:", "#version: {json: commit}"):
        assert line in text
        text = text.replace(line, line[1:])
    config.write_text(text.replace("#url: https://YOUR-HOST/", f"url: {site}/"))
    imported = lastgood("releases", "import", "--json", cwd=shop)
    assert imported.code == 0, imported
    assert {release["commit"] for release in imported.json["releases"]} == set(commits)
    reason = ("--service", "web", "--reason", "it ran for a month")
    marked = lastgood("releases", "mark", commits[0][:10], "good", *reason, cwd=shop)
    assert marked.code == 0, marked

    seen = lastgood("doctor", "--json", cwd=shop)
    assert seen.code == 0, seen
    assert seen.json["ready"] is True
    plan = lastgood("plan", "--json", cwd=shop)
    assert plan.code == 0, plan
    moves = [(move["name"], move["from"], move["to"]) for move in plan.json["services"]]
    assert moves == [("web", commits[1], commits[0])]
    assert b".lastgood" not in run_git(shop, "status", "--porcelain", "-uall")
