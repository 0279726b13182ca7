"""What starting a command costs, in seconds of CPU: on a busy machine wall time tells nothing."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.table import Row

from lastgood.app.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROUNDS = 8
OWN = ("--version", "--help", "status")
PEERS = (
    ("barman", "--version"),
    ("kubectl", "version", "--client"),
    ("git", "--version"),
)
CONFIG = """\
version: 1
project: bench
state: sqlite:///state/state.db
environments:
  production:
    services:
      web: {deploy: {driver: releases, path: .}, checks: [home]}
    checks:
      home: {url: https://shop.example/}
"""


def rows() -> Iterator[Row]:
    """Each command of ours beside each peer; all take turns, so that all are treated alike."""
    bare = (sys.executable, "-c", "pass")
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder:
        _make_project(Path(folder))
        own = {word: (sys.executable, "-m", "lastgood", word) for word in OWN}
        peers = {" ".join(peer): peer for peer in PEERS} | {"`python -c pass`": bare}
        found = {name: argv for name, argv in peers.items() if shutil.which(argv[0])}
        seconds = _best([*own.values(), *found.values()], folder)
    for word in OWN:
        for name, argv in peers.items():
            yield Row(
                f"`lastgood {word}`, CPU",
                seconds[own[word]],
                name if argv is bare else f"`{name}`",
                seconds.get(argv),
            )


def _make_project(folder: Path) -> None:
    file = folder / "lastgood.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    project = Project.open(file)
    project.state.close()


def _best(commands: Sequence[tuple[str, ...]], folder: str) -> dict[tuple[str, ...], float]:
    """The least CPU time of each command; one round before warms the caches of Python and disk."""
    # Compiled modules are kept, as they are where a package is installed.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    seconds: dict[tuple[str, ...], float] = {}
    for number in range(ROUNDS + 1):
        for command in commands:
            before = _children_s()
            subprocess.run(
                command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True
            )
            used = _children_s() - before
            if number:
                seconds[command] = min(used, seconds.get(command, used))
    return seconds


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
