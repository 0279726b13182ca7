"""Why a run stopped is told from the log: to this run's followers, and only while it holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.app.runs.runnerlog import why_stopped, write_log, write_stopped

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_newest_word_on_this_run_counts(tmp_path: Path) -> None:
    since = now()
    assert why_stopped(tmp_path, "run-a", since) is None
    write_stopped(tmp_path, "run-a", "the disk\nis full")
    write_stopped(tmp_path, "run-b", "something else")
    write_log(tmp_path, "watching production failed")
    assert why_stopped(tmp_path, "run-a", since) == "the disk is full"
    write_stopped(tmp_path, "run-a", "the disk is broken")
    assert why_stopped(tmp_path, "run-a", since) == "the disk is broken"
    assert why_stopped(tmp_path, "run", since) is None


def test_what_was_said_before_the_run_went_on_is_over(tmp_path: Path) -> None:
    write_stopped(tmp_path, "run-a", "the disk is full")
    assert why_stopped(tmp_path, "run-a", now() + timedelta(seconds=1)) is None


def test_lines_of_others_are_no_words_of_ours(tmp_path: Path) -> None:
    since = now()
    log = tmp_path / "runner.log"
    log.write_bytes(b"\xff\xfe run-a stopped where it stands: forged\nyesterday run-a stopped\n")
    assert why_stopped(tmp_path, "run-a", since) is None


def test_a_log_that_cannot_be_written_stops_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runner.log").mkdir()
    write_log(tmp_path, "only a worker's own log hears this")
    assert "only a worker" in capfd.readouterr().err
