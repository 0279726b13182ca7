"""What the README tells a newcomer to type does what it says, in a repository of their own."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.cli.commands import COMMANDS
from lastgood.engine.direct.spawn import depose
from lastgood.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "## In your own repository"
NAMED_RELEASE = "365cd87e"


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def section(readme: str, heading: str) -> str:
    return readme.partition(f"{heading}\n")[2].partition("\n## ")[0]


def git(folder: Path, *words: str) -> str:
    settings = ["-c", "user.name=Ana", "-c", "user.email=ana@shop.example"]
    ended = subprocess.run(
        ["git", *settings, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.strip()


class Shop:
    """A repository with a frontend, two kept releases of it, and a server of the live one."""

    def __init__(self, folder: Path) -> None:
        self.repository, self.kept = folder / "shop", folder / "srv" / "frontend"
        (self.repository / "frontend").mkdir(parents=True)
        git(self.repository, "init", "--quiet", "--initial-branch=main")
        self.commits = [self._release(number) for number in (1, 2)]
        (self.kept / "current").symlink_to(f"releases/{self.commits[-1]}")

    def _release(self, number: int) -> str:
        page = self.repository / "frontend" / "index.html"
        page.write_text(f"page {number}\n", encoding="utf-8")
        git(self.repository, "add", ".")
        git(self.repository, "commit", "--quiet", "--message", f"Page {number}")
        commit = git(self.repository, "rev-parse", "HEAD")
        built = self.kept / "releases" / commit
        shutil.copytree(page.parent, built)
        (built / "health").write_text(f'{{"commit": "{commit}"}}', encoding="utf-8")
        return commit

    @property
    def live(self) -> str:
        return (self.kept / "current").readlink().name

    def lastgood(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lastgood", *words],
            cwd=self.repository, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    depose(shop.repository / ".lastgood")  # its runner would watch for half an hour


@pytest.fixture
def port(shop: Shop) -> Iterator[int]:
    class Live(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, directory=str(shop.kept / "current"), **named)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Live) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.timeout(600)  # a dozen commands, each a process of its own
def test_the_commands_take_a_newcomer_to_the_first_rollback(
    readme: str, shop: Shop, port: int
) -> None:
    own = section(readme, OWN)
    assert "lastgood init" in own
    assert shop.lastgood("init").returncode == ExitCode.GOOD
    first = shop.lastgood("doctor")
    assert (first.returncode, "FILL IN" in first.stdout) != (ExitCode.GOOD, True)
    written = re.findall(r"```yaml\n(.*?)```", own, re.DOTALL)[0]
    filled = written.replace("/srv/shop/frontend", str(shop.kept)).replace(
        "https://shop.example", f"http://127.0.0.1:{port}"
    )
    (shop.repository / "lastgood.yaml").write_text(filled, encoding="utf-8")
    good, bad = shop.commits
    typed = [line.strip() for line in re.findall(r"^    (lastgood .+)$", own, re.MULTILINE)]
    typed = [line.replace(NAMED_RELEASE, good[:8]).replace("$COMMIT", bad) for line in typed]
    for line in typed[typed.index("lastgood releases import") :]:
        ended = shop.lastgood(*shlex.split(line)[1:])
        held = line.startswith("lastgood gate")
        expected = ExitCode.REFUSED if held else ExitCode.GOOD
        assert ended.returncode == expected, f"{line}\n{ended.stdout}\n{ended.stderr}"
    assert "lastgood rollback --confirm production" in typed
    assert shop.live == good


def test_the_table_of_exit_codes_is_the_codes(readme: str) -> None:
    table = readme.partition("| exit code |")[2].partition("\n\n")[0]

    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(
        ExitCode
    )


def test_the_table_of_commands_is_the_commands(readme: str) -> None:
    table = readme.partition("<!-- commands -->")[2].partition("<!-- end -->")[0]

    told = re.findall(r"^\| `([a-z]+)` \| (.+) \|$", table, re.MULTILINE)
    assert told == [(name, entry.summary) for name, entry in COMMANDS.items()]
