from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.deploy.command.driver import make
from lastgood.drivers.deploy.command.options import CommandOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.ports.deploy import Deployer

TOOL = '''
"""A deploy tool: `live` says what runs, `log` has a line per deployment, `fault` is for once."""

import os, signal, sys, time
from pathlib import Path

home, act, *rest = Path(sys.argv[1]), *sys.argv[2:]
live, log, fault = home / "live", home / "log", home / "fault"

if act == "current":
    kind = (home / "current-fault").read_text() if (home / "current-fault").exists() else ""
    if kind == "fail":
        sys.exit("no connection to the cluster")
    if kind == "hang":
        time.sleep(600)
    if kind == "huge":
        sys.stdout.write("x" * 30_000_000)
    elif kind == "hostile":
        print("\\x1b]0;owned\\x07\\x1b[2J; rm -rf /")
    elif kind == "binary":
        os.write(1, bytes(range(128, 256)))
    elif live.exists():
        print(live.read_text()[: 9 if (home / "short").exists() else None])
        print("more that nobody asked for")
    sys.exit(0)

if act == "wait":
    (home / "waited").open("a").write(" ".join(rest) + "\\n")
    sys.exit(0)

kind = fault.read_text() if fault.exists() else ""
if not kind.startswith("always-"):
    fault.unlink(missing_ok=True)
if kind == "die-before":
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "fail":
    sys.exit("the registry is down")
if kind == "hang":
    time.sleep(600)
if kind.endswith("lie"):
    sys.exit(0)
log.open("a").write(repr(rest) + "\\n")
new = home / "live.new"
new.write_text(rest[-1])
new.replace(live)
if kind == "die-after":
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "fail-after":
    sys.exit("deployed, but could not tell the chat")
'''


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The deploy tool's home; release `bbbb` runs."""
    path = tmp_path / "home"
    path.mkdir()
    (path / "live").write_text("bbbb", encoding="utf-8")
    return path


@pytest.fixture
def deployer(tmp_path: Path) -> Callable[..., Deployer]:
    """Makes the driver for a home, with options; `current=None` takes that command away."""
    tool = tmp_path / "tool.py"
    tool.write_text(TOOL, encoding="utf-8")

    def build(home: Path, *, repository: Any = None, **options: Any) -> Deployer:
        call = (sys.executable, "-I", "-S", str(tool), str(home))
        given = {
            "deploy": (*call, "deploy", "{commit}"),
            "current": (*call, "current"),
            "confirm_timeout": 0.2,
            **options,
        }
        if given.get("wait") is True:
            given["wait"] = (*call, "wait", "--for={commit}")
        toolbox = Toolbox(
            environment="production",
            name="backend",
            base=tmp_path,
            state=tmp_path / "state",
            children=PlainChildren(Masker()),
            repository=repository,
        )
        return make(CommandOptions(**given), toolbox)

    return build
