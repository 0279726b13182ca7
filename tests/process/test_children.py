"""What plain and guarded children have in common."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from lastgood.errors import ChildError
from lastgood.process import guard
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from tests.process.conftest import Nest

    from lastgood.ports.children import Children

pytestmark = pytest.mark.linux


def python(source: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", source]


def own_children() -> list[str]:
    return [
        pid
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]


async def test_what_a_child_says_and_how_it_ends(children: Children) -> None:
    finished = await children.run(
        ["sh", "-c", "cat; echo bad >&2; exit 3"], timeout=20, stdin=b"in\xff", check=False
    )
    assert finished.returncode == 3
    assert finished.stdout.encode(errors="surrogateescape") == b"in\xff"
    assert finished.stderr == "bad\n"
    assert not finished.truncated
    assert 0 < finished.seconds < 20


async def test_an_exit_code_is_an_error_that_says_why(children: Children) -> None:
    with pytest.raises(ChildError) as caught:
        await children.run(["sh", "-c", "echo '\033[31mno such branch' >&2; exit 1"], timeout=20)
    assert caught.value.code == "child-failed"
    assert "exit code 1" in caught.value.message
    assert caught.value.cause == "no such branch"
    assert caught.value.mend


async def test_a_signal_is_told_apart_from_an_exit_code(children: Children) -> None:
    finished = await children.run(["sh", "-c", "kill -9 $$"], timeout=20, check=False)
    assert finished.returncode == -9
    finished = await children.run(["sh", "-c", "exit 137"], timeout=20, check=False)
    assert finished.returncode == 137
    with pytest.raises(ChildError, match="ended by signal 11"):
        await children.run(["sh", "-c", "kill -SEGV $$"], timeout=20)


async def test_what_cannot_start_says_what_to_do(children: Children, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    for argv, cwd, mend in (
        (["no-such-program"], None, "install no-such-program, or add its directory to PATH"),
        (["true"], tmp_path / "gone", "create the directory"),
        ([str(script)], None, "chmod +x"),
        (["echo", "a\0b"], None, "check the command"),
    ):
        with pytest.raises(ChildError) as caught:
            await children.run(argv, timeout=20, cwd=cwd)
        assert caught.value.code == "child-not-started"
        assert mend in caught.value.mend
        assert caught.value.cause


async def test_a_huge_output_is_read_but_not_kept(children: Children) -> None:
    before = peak_kilobytes(forget=True)
    finished = await children.run(
        ["sh", "-c", "echo begin; head -c 300000000 /dev/zero; echo end"], timeout=100
    )
    assert finished.truncated
    assert finished.stdout.startswith("begin\n")
    assert finished.stdout.endswith("\0end\n")
    assert "[298951434 bytes dropped]" in finished.stdout
    assert len(finished.stdout) < 1_100_000
    assert peak_kilobytes() - before < 50_000


def peak_kilobytes(*, forget: bool = False) -> int:
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


async def test_input_that_is_not_read_harms_nobody(children: Children) -> None:
    assert (await children.run(["true"], timeout=20, stdin=b"x" * 5_000_000)).returncode == 0
    finished = await children.run(["wc", "-c"], timeout=20, stdin=b"x" * 5_000_000)
    assert finished.stdout.strip() == "5000000"


async def test_no_input_is_an_end_and_not_a_wait(children: Children) -> None:
    assert (await children.run(["cat"], timeout=20)).stdout == ""


async def test_the_environment_is_small_and_its_own(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "LD_AUDIT", "PYTHONPATH", "MY_TOKEN"):
        monkeypatch.setenv(name, "leftover")
    monkeypatch.setenv("HOME", "/somewhere")
    finished = await children.run(["env"], timeout=20, env={"GIT_DIR": "mine"})
    lines = finished.stdout.splitlines()
    assert "HOME=/somewhere" in lines
    assert "GIT_DIR=mine" in lines
    assert "leftover" not in finished.stdout


async def test_a_child_that_reports_a_broken_pipe_is_not_deaf_to_it(children: Children) -> None:
    finished = await children.run(
        ["sh", "-c", "yes | head -n 1; grep SigIgn /proc/self/status"], timeout=20
    )
    assert finished.stdout.splitlines()[0] == "y"
    assert int(finished.stdout.split()[-1], 16) & 0x1000 == 0


@pytest.mark.parametrize(
    ("modes", "count", "times"),
    [
        (("hang",), 1, 1),
        (("stubborn", "hang"), 1, 2),
        (("stubborn", "closed", "hang"), 1, 1),
        (("stubborn", "daemon", "daemon", "hang"), 3, 2),
        (("stubborn", "bomb", "hang"), 1, 1),
    ],
    ids=["hang", "stubborn", "closed", "daemon", "bomb"],
)
async def test_nothing_outlives_a_cancel(
    children: Children, nest: Nest, modes: tuple[str, ...], count: int, times: int
) -> None:
    task = asyncio.create_task(children.run(nest.argv(*modes), timeout=100, env=nest.env))
    await nest.until_alive(count)
    if "bomb" in modes:
        await nest.until(nest.notes.exists)
    assert not task.done()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert nest.living() == []
    assert nest.living(guards=True) == []


async def test_nothing_outlives_a_time_limit(children: Children, nest: Nest) -> None:
    modes = ("stubborn", "daemon", "closed", "hang")
    task = asyncio.create_task(children.run(nest.argv(*modes), timeout=3, env=nest.env))
    await nest.until_alive(2)
    with pytest.raises(ChildError) as caught:
        await task
    assert caught.value.code == "child-timeout"
    assert caught.value.retryable
    assert nest.living() == []
    assert nest.living(guards=True) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM], ids=["kernel", "sandbox"])
async def test_where_the_kernel_gives_no_handles_nothing_is_left_either(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_: int) -> int:
        raise OSError(number, "no handles here")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    run = PlainChildren(Masker()).run(nest.argv("daemon", "hang"), timeout=100, env=nest.env)
    task = asyncio.create_task(run)
    await nest.until_alive(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert nest.living() == []


async def test_a_process_that_is_hidden_does_not_hide_the_others(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = asyncio.create_task(nest.guarded().run(nest.argv("hang"), timeout=100, env=nest.env))
    await nest.until_alive(1)

    def hidden(path: str, mode: str) -> IO[bytes]:
        if path == "/proc/1/stat":
            raise PermissionError(errno.EPERM, "hidepid")
        return Path(path).open(mode)

    monkeypatch.setattr(guard, "open", hidden, raising=False)
    assert {*nest.living(), *nest.living(guards=True)} <= {
        pid for pid, _ in guard.descendants(os.getpid())
    }
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_daemon_left_on_purpose_is_left_alone(children: Children, nest: Nest) -> None:
    await children.run(nest.argv("quiet", "leave", "hang"), timeout=20, env=nest.env)
    await asyncio.sleep(0.5)
    assert len(nest.living()) == 1


async def test_a_daemon_that_kept_the_output_does_not_choke_on_it(
    children: Children, nest: Nest
) -> None:
    await children.run(nest.argv("leave", "chatter"), timeout=20, env=nest.env)
    await asyncio.sleep(1)
    assert len(nest.living()) == 1


async def test_secrets_are_in_no_output_and_no_error(children: Children, secret: str) -> None:
    tell = python("import os,sys; print(os.environ['S']); sys.exit('failed: ' + os.environ['S'])")
    finished = await children.run(tell, timeout=20, env={"S": secret}, check=False)
    assert finished.stdout == "***\n"
    assert finished.stderr == "failed: ***\n"
    with pytest.raises(ChildError) as caught:
        await children.run([*tell, secret], timeout=20, env={"S": secret})
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value)
    assert "***" in caught.value.cause
    with pytest.raises(ChildError) as caught:
        await children.run([f"/{secret}"], timeout=20, env={"S": secret})
    assert secret not in str(caught.value)
    assert "staple" not in str(caught.value)


async def test_secrets_are_in_no_command_line(children: Children, secret: str) -> None:
    count = python(
        "import glob,sys\nsecret = sys.stdin.buffer.read()\n"
        "def read(p):\n try: return open(p, 'rb').read()\n except OSError: return b''\n"
        "print(sum(secret in read(p) for p in glob.glob('/proc/[0-9]*/cmdline')))"
    )
    finished = await children.run(count, timeout=20, stdin=secret.encode(), env={"S": secret})
    assert finished.stdout == "0\n"


async def test_children_may_run_side_by_side(children: Children) -> None:
    echoes = [children.run(["echo", str(number)], timeout=50) for number in range(10)]
    assert [f.stdout for f in await asyncio.gather(*echoes)] == [f"{n}\n" for n in range(10)]


async def test_many_runs_leak_nothing(children: Children) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    async def all_kinds() -> None:
        await children.run(["true"], timeout=50, stdin=b"x")
        with pytest.raises(ChildError):
            await children.run(["no-such-program"], timeout=50, stdin=b"x")
        with pytest.raises(ChildError):
            await children.run(["false"], timeout=50)
        with pytest.raises(ChildError):
            await children.run(["sleep", "50"], timeout=0.001)

    await all_kinds()
    before, others = open_files(), own_children()
    for _ in range(6):
        await all_kinds()
    assert open_files() == before
    assert own_children() == others
