"""The benchmark runs and prints its table; its figures are never asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_it_prints_a_table_with_ratios() -> None:
    ended = bench("steps")

    assert ended.returncode == 0, ended.stderr
    header, line, *rows = ended.stdout.splitlines()
    assert header.count("|") == line.count("|")
    assert [row.count("|") for row in rows] == [header.count("|")] * len(rows)
    assert len(rows) == 4


@pytest.mark.timeout(300)
def test_a_backup_is_measured_beside_its_peers() -> None:
    ended = bench("backup", "--size=20")

    assert ended.returncode == 0, ended.stderr
    _, _, *rows = ended.stdout.splitlines()
    assert len(rows) == 6
    assert "peak memory" in rows[0]


def test_a_part_that_does_not_exist_is_refused() -> None:
    ended = bench("stpes")

    assert ended.returncode == 2
    assert "steps" in ended.stderr


@pytest.mark.timeout(300)
def test_the_loss_preview_is_measured_beside_a_scan() -> None:
    ended = bench("loss", "--quick")

    assert ended.returncode == 0, ended.stderr
    assert "loss preview" in ended.stdout.splitlines()[-1]


@pytest.mark.timeout(300)
def test_a_swap_is_measured_under_busy_clients_and_beside_restores() -> None:
    ended = bench("swap", "--sizes=10")

    assert ended.returncode == 0, ended.stderr
    _, _, *rows = ended.stdout.splitlines()
    assert len(rows) == 9
    assert sum("could connect" in row for row in rows) == 2
    assert sum("side restore" in row for row in rows) == 3
