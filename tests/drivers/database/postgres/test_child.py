"""A client program under its guard, with programs that misbehave."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lastgood.drivers.database.postgres.client.child import ClientProgram
from lastgood.errors import ChildError
from lastgood.process.masking import Masker

SECRET = "s3cret-of-ours"


def program(folder: Path, text: str, *, reads: bool = False, **more: Any) -> ClientProgram:
    argv = [sys.executable, "-c", text]
    return ClientProgram(argv, {"GIVEN": "yes"}, folder, Masker([SECRET]), reads=reads, **more)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return False


def test_much_output_and_many_complaints_block_nothing(tmp_path: Path) -> None:
    text = (
        f"import sys; sys.stderr.write('first {SECRET}\\n' + '\\x1b[31mnoise\\n' * 900000"
        f" + 'last {SECRET}\\n'); sys.stdout.write('x' * 5_000_000); sys.exit(3)"
    )
    with program(tmp_path, text) as child:
        assert sum(map(len, child.output())) == 5_000_000
        with pytest.raises(ChildError) as error:
            child.finish()

    assert "exit code 3" in error.value.message
    assert error.value.cause.endswith("last ***")
    assert len(error.value.cause) <= 1_000
    assert "\x1b" not in error.value.cause


def test_news_are_heard_and_crowd_out_no_complaint(tmp_path: Path) -> None:
    text = (
        "import sys; e = sys.stderr.write;"
        " n = 'pg_dump: dumping contents of table \"t\"\\n' * 50000;"
        " e(n + 'pg_dump: error: no room\\npg_dump: detail: none\\nno prefix\\n' + n + 'torn');"
        " sys.exit(1)"
    )
    heard = list[str]()
    with program(tmp_path, text, heard=heard.append) as child, pytest.raises(ChildError) as error:
        child.finish()

    assert heard == ['pg_dump: dumping contents of table "t"'] * 100_000
    said = ["pg_dump: error: no room", "pg_dump: detail: none", "no prefix", "torn"]
    assert error.value.cause.splitlines() == said


def test_the_first_error_is_told_however_much_follows_it(tmp_path: Path) -> None:
    text = (
        "import sys; e = sys.stderr.write; e('warning\\n' * 9 + 'pg_restore: error: no room\\n'"
        " + 'Command was: CREATE\\n' + 'a line\\n' * 99 + 'died\\n'); sys.exit(1)"
    )
    with program(tmp_path, text) as child, pytest.raises(ChildError) as error:
        child.finish()

    said = ["pg_restore: error: no room", "Command was: CREATE", "a line", "a line", "died"]
    assert error.value.cause.splitlines() == said


def test_a_line_that_never_ends_takes_no_memory(tmp_path: Path) -> None:
    text = "import sys; sys.stderr.write('pg_dump: ' + 'x' * 5_000_000 + ' end'); sys.exit(1)"
    with program(tmp_path, text, heard=print) as child, pytest.raises(ChildError) as error:
        child.finish()

    assert len(child._said) < 1_000_000
    assert error.value.cause


def test_it_inherits_no_variable_that_could_lead_it_astray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "elsewhere")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    with program(tmp_path, "import os; print(sorted(os.environ))") as child:
        printed = b"".join(child.output()).decode()
        child.finish()

    assert "'GIVEN'" in printed
    assert "PG" not in printed


def test_what_it_does_not_read_is_no_error_of_ours(tmp_path: Path) -> None:
    with program(tmp_path, "pass", reads=True) as child:
        while child.feed(b"x" * 100_000):
            pass
        assert child.finish() == ""


def test_it_is_fed_as_fast_as_it_reads(tmp_path: Path) -> None:
    text = "import sys; print(len(sys.stdin.buffer.read()))"
    with program(tmp_path, text, reads=True) as child:
        assert all(child.feed(b"x" * 300_000) for _ in range(10))
        child.finish()


def test_leaving_ends_it_and_what_it_started(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c',"
        " 'import time; time.sleep(600)'], start_new_session=True);"
        " print(p.pid, flush=True); time.sleep(600)"
    )
    with program(tmp_path, text) as child:
        grandchild = int(next(iter(child.output())))
        assert alive(grandchild)

    assert not alive(grandchild)


def test_a_guard_that_was_stopped_is_ended_too(tmp_path: Path) -> None:
    text = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    with program(tmp_path, text) as child:
        pid = int(next(iter(child.output())))
        os.kill(child._process.pid, signal.SIGSTOP)

    while alive(pid):
        time.sleep(0.05)


def test_a_program_that_is_none_is_said(tmp_path: Path) -> None:
    absent = ClientProgram([str(tmp_path / "absent")], {}, tmp_path, Masker())
    with absent as child, pytest.raises(ChildError) as error:
        child.finish()

    assert error.value.code == "absent-failed"
