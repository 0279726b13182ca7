# ruff: noqa: ASYNC240 - a test changes its own small files
from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from lastgood.drivers.check.log.driver import LogCheck
from lastgood.drivers.check.log.options import LogOptions
from lastgood.drivers.check.log.stamp import age_s

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.ports.toolbox import Toolbox


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "application.log"
    path.write_text("")
    return path


def checking(toolbox: Toolbox, log: Path, **options: Any) -> LogCheck:
    wanted = {"log": log, "fail_on": "CRITICAL|Traceback", "timeout": 60, **options}
    return LogCheck(LogOptions.model_validate(wanted), toolbox)


def add(log: Path, *lines: str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


async def test_quiet_log_is_ok_and_a_new_bad_line_is_not(toolbox: Toolbox, log: Path) -> None:
    check = checking(toolbox, log)
    add(log, "all is well")
    assert (await check.probe()).ok
    add(log, "CRITICAL out of memory, password=hunter22")
    result = await check.probe()
    assert not result.ok
    assert result.error == "1 line matches in the last 60 s: CRITICAL"
    assert result.status == "1 matching"
    await check.close()
    await check.close()


async def test_bad_line_counts_for_as_long_as_said(toolbox: Toolbox, log: Path) -> None:
    check = checking(toolbox, log, within=0.2)
    assert (await check.probe()).ok
    add(log, "CRITICAL")
    assert not (await check.probe()).ok
    time.sleep(0.25)  # noqa: ASYNC251 - nothing else runs in this test
    assert (await check.probe()).ok
    await check.close()


async def test_at_the_first_look_old_lines_do_not_count(toolbox: Toolbox, log: Path) -> None:
    add(
        log,
        f"{ago(hours=2)} CRITICAL long ago",
        f"{ago(hours=1)} ERROR request failed",
        "Traceback (most recent call last):",
        f"{ago(minutes=5)} INFO fine",
    )
    check = checking(toolbox, log)
    assert (await check.probe()).ok
    await check.close()
    add(log, f"{ago(seconds=10)} CRITICAL just now")
    again = checking(toolbox, log)
    assert not (await again.probe()).ok
    await again.close()


async def test_lines_without_a_time_count_when_first_seen(toolbox: Toolbox, log: Path) -> None:
    add(log, "Traceback (most recent call last):")
    check = checking(toolbox, log, within=0.2)
    assert not (await check.probe()).ok
    time.sleep(0.25)  # noqa: ASYNC251 - nothing else runs in this test
    assert (await check.probe()).ok
    await check.close()


async def test_a_line_is_looked_at_when_it_is_whole(toolbox: Toolbox, log: Path) -> None:
    check = checking(toolbox, log)
    with log.open("a") as file:
        file.write("CRIT")
        file.flush()
        assert (await check.probe()).ok
        file.write("ICAL\n")
    assert not (await check.probe()).ok
    await check.close()


async def test_no_line_is_missed_in_a_rotation(toolbox: Toolbox, log: Path) -> None:
    check = checking(toolbox, log)
    assert (await check.probe()).ok
    add(log, "CRITICAL in the old file")
    log.rename(log.with_suffix(".log.1"))
    log.write_text("Traceback in the new file\n")
    result = await check.probe()
    assert result.status == "2 matching"
    await check.close()


async def test_log_that_is_cut_short_is_read_again(toolbox: Toolbox, log: Path) -> None:
    add(log, *["fine"] * 100)
    check = checking(toolbox, log)
    assert (await check.probe()).ok
    os.truncate(log, 0)
    add(log, "CRITICAL")
    assert not (await check.probe()).ok
    await check.close()


async def test_log_that_is_cut_short_and_grows_past_its_end_is_read_again(
    toolbox: Toolbox, log: Path
) -> None:
    add(log, *["fine"] * 100)
    check = checking(toolbox, log)
    assert (await check.probe()).ok
    os.truncate(log, 0)
    add(log, "CRITICAL", *["good"] * 200)
    assert (await check.probe()).status == "1 matching"
    await check.close()


async def test_missing_log_says_so_and_comes_back(toolbox: Toolbox, log: Path) -> None:
    log.unlink()
    check = checking(toolbox, log)
    missing = await check.probe()
    assert missing.error == "the log cannot be read: no such file or directory"
    add(log, "fine")
    assert (await check.probe()).ok
    log.unlink()
    assert not (await check.probe()).ok
    await check.close()


async def test_folder_and_pipe_are_no_logs(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = checking(toolbox, tmp_path)
    assert not (await folder.probe()).ok
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = await checking(toolbox, pipe).probe()
    assert result.error == "the log cannot be read: it is no plain file"


async def test_binary_and_endless_lines_are_survived(toolbox: Toolbox, log: Path) -> None:
    log.write_bytes(bytes(range(256)) * 100 + b"\n" + b"x" * 6_000_000 + b"\n\x1b[2JCRITICAL\xff\n")
    result = await checking(toolbox, log).probe()
    assert result.error is not None
    assert result.error.isprintable()
    assert "1 line matches" in result.error


async def test_of_a_huge_log_only_the_end_is_read(toolbox: Toolbox, log: Path) -> None:
    with log.open("wb") as file:
        file.write(b"CRITICAL at the beginning\n")
        file.truncate(200 * 1024 * 1024 * 1024)
    with log.open("ab") as file:
        file.write(b"\nfine\n")
    assert (await checking(toolbox, log).probe()).ok


@pytest.mark.parametrize("pattern", ["(a+)+$", "(", "(x|y)*"])
def test_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        LogOptions.model_validate({"log": "x.log", "fail_on": pattern})


@pytest.mark.parametrize(
    ("line", "age"),
    [
        ("2026-11-22T10:00:00Z ERROR", 60),
        ("2026-11-22 11:00:00,500 +01:00 ERROR", 59.5),
        ('{"time":"2026-11-22T10:00:30.123456789Z"}', 29.876544),
        ('1.2.3.4 - - [22/Nov/2026:11:00:00 +0100] "GET /"', 60),
        ("2026-11-22 10:00:55,000 ERROR", 5),
        ('{"level":"error","ts":1795341630.25,"msg":"x"}', 29.75),
        ('{"msg":"x","level":50,"time":1795341630250}', 29.75),
        ('{"msg":"' + "x" * 100 + '", "timestamp": "2026-11-22T10:00:30Z"}', 30),
        ('{"expires":"2027-11-22T10:00:30Z","@timestamp":"2026-11-22T10:00:30Z"}', 30),
        ('{"ts":"soon","at":"2026-11-22T10:00:30Z"}', None),
        ("Nov 22 10:00:55 web-1 app[7]: ERROR", 5),
        ("<11>Nov  2 10:01:00 web-1 app[7]: ERROR", 20 * 86_400),
        ("Dec 22 10:01:00 web-1 app[7]: ERROR", 335 * 86_400),
        ("Jun 31 10:01:00 web-1 app[7]: ERROR", None),
        ("Foo 22 10:01:00 web-1 app[7]: ERROR", None),
        ("2026-13-45 99:99:99 ERROR", None),
        ("Traceback", None),
        ("x" * 100 + "2026-11-22T10:00:00Z", None),
    ],
)
def test_age_of_a_line(line: str, age: float | None) -> None:
    found = age_s(line, datetime(2026, 11, 22, 10, 1, tzinfo=UTC))
    assert found == (None if age is None else pytest.approx(age))
