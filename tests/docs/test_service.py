"""The unit file that docs/worker.md tells people to install."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

UNIT = "lastgood-worker.service"
PROGRAM = "/usr/local/bin/lastgood"


class Directives(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_it_keeps_the_worker_alive(root: Path) -> None:
    unit = Directives(interpolation=None)
    unit.read_string((root / "docs" / UNIT).read_text(encoding="utf-8"))

    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["ExecStart"].startswith(f"{PROGRAM} worker")
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_fault_in_it(root: Path, tmp_path: Path) -> None:
    text = (root / "docs" / UNIT).read_text(encoding="utf-8")
    unit = tmp_path / UNIT
    unit.write_text(text.replace(PROGRAM, sys.executable), encoding="utf-8")
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert UNIT not in ended.stderr
