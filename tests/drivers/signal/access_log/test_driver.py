# ruff: noqa: ASYNC240 - a test changes its own small files
from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.drivers.signal.access_log import driver as module
from lastgood.drivers.signal.access_log.backwards import BLOCK, LONGEST_LINE, open_tail
from lastgood.drivers.signal.access_log.driver import AccessLog
from lastgood.drivers.signal.access_log.options import AccessLogOptions
from lastgood.model.interval import anytime_interval
from lastgood.ports.toolbox import Toolbox
from lastgood.testing.signal import signal_conforms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lastgood.model.signal import Signal
    from lastgood.ports.children import Finished

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
END = NOW.timestamp()


class NoChildren:
    async def run(self, argv: Sequence[str], **_: Any) -> Finished:
        raise AssertionError(f"this signal starts no children: {argv}")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.json"


def source(log: Path, **options: Any) -> AccessLog:
    toolbox = Toolbox(
        environment="production",
        name="users_affected",
        base=log.parent,
        state=log.parent,
        children=NoChildren(),
    )
    wanted = {"path": log, "user": "request.headers.X-User-Hash", **options}
    return AccessLog(AccessLogOptions.model_validate(wanted), toolbox)


async def measured(log: Path, since: datetime | None = None, **options: Any) -> Signal:
    return await source(log, **options).read(NOW, since)


def caddy(user: str | None, status: int = 200, age_s: float = 1.0, **more: Any) -> str:
    headers = {"User-Agent": [more.get("agent", "Mozilla/5.0")]}
    if user is not None:
        headers["X-User-Hash"] = [user]
    request = {"method": "GET", "uri": more.get("uri", "/"), "headers": headers}
    waited = {"duration": more["waited"]} if "waited" in more else {}
    return json.dumps({"ts": END - age_s, "request": request, "status": status} | waited)


def write(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


async def test_users_are_counted_once_whatever_they_retried(log: Path) -> None:
    write(
        log,
        caddy("a", 502, 30),
        caddy("a", 502, 20),
        caddy("a", 200, 10),
        caddy("b", 404, 9),
        caddy("c", 200, 8),
        caddy("d", 500, 7),
    )
    signal = await measured(log)
    assert (signal.n, signal.failed, signal.value, signal.error) == (4, 2, 0.5, None)
    assert (signal.low, signal.high) == anytime_interval(2, 4)
    assert signal.age_s == pytest.approx(7)
    assert signal.at == NOW - timedelta(seconds=7)
    assert signal.since == NOW - timedelta(seconds=60)
    assert signal.failed_since == NOW - timedelta(seconds=30)
    assert signal.name == "users_affected"
    assert str(log) in signal.source


async def test_what_is_older_than_the_window_is_not_counted(log: Path) -> None:
    write(log, *[caddy(f"old{n}", 500, 61 + n) for n in range(100)], caddy("a"))
    signal = await measured(log)
    assert (signal.n, signal.failed) == (1, 0)
    write(log, *[caddy(f"u{n}", 500, 25 - n) for n in range(20)])
    after = await measured(log, since=NOW - timedelta(seconds=10))
    assert after.n == 5
    assert after.since == NOW - timedelta(seconds=10)


async def test_one_old_line_among_new_ones_ends_nothing(log: Path) -> None:
    write(log, caddy("a", 200, 50), caddy("b", 200, 5000), caddy("c", 200, 10))
    assert (await measured(log)).n == 2


async def test_nginx_with_each_kind_of_time(log: Path) -> None:
    write(
        log,
        json.dumps({"msec": f"{END - 3:.3f}", "user_hash": "a", "status": "502"}),
        json.dumps({"time_iso8601": "2026-11-22T13:59:58+02:00", "user_hash": "b", "status": 200}),
        json.dumps({"@timestamp": "2026-11-22T11:59:59Z", "user_hash": "c", "status": "200"}),
        json.dumps({"ts": END * 1000 - 2000, "user_hash": "d", "status": 503}),
        json.dumps({"at": END, "user_hash": "e", "status": 503}),
    )
    signal = await measured(log, user="user_hash")
    assert (signal.n, signal.failed) == (4, 2)
    own = await measured(log, user="user_hash", time="at")
    assert (own.n, own.failed) == (1, 1)


async def test_probes_and_bots_are_no_users(log: Path) -> None:
    write(
        log,
        caddy("a"),
        caddy("p1", 500, agent="lastgood"),
        caddy("p2", 500, agent="kube-probe/1.31"),
        caddy("p3", 500, agent="Mozilla/5.0 (compatible; Googlebot/2.1)"),
        caddy("p4", 500, uri="/health?x=1"),
        caddy("b", 500, agent="Mozilla/5.0 (Linux; Android 13; CUBOT P80)"),
    )
    signal = await measured(log, exclude={"paths": ["/health"]})
    assert (signal.n, signal.failed) == (2, 1)


async def test_probes_alone_do_not_make_the_log_look_fresh(log: Path) -> None:
    write(log, caddy("a", 200, 50), caddy("p", 200, 1, agent="lastgood"))
    assert (await measured(log)).age_s == pytest.approx(50)


async def test_requests_without_a_user_are_not_guessed(log: Path) -> None:
    write(log, caddy(None, 500), caddy("", 500), caddy("-", 500))
    signal = await measured(log)
    assert signal.value is None
    assert signal.error == ("none of 3 requests names a user at request.headers.X-User-Hash")


@pytest.mark.parametrize("status", [499, 0])
async def test_who_gave_up_was_not_served(log: Path, status: int) -> None:
    """A backend that hangs: its users leave, and the log has no failure."""
    write(log, *(caddy(f"u{n}", status, waited=1.5) for n in range(60)))
    signal = await measured(log)
    assert signal.value is None
    assert signal.error == "none of 60 requests was waited for until it was answered"


async def test_who_waited_long_and_gave_up_is_affected(log: Path) -> None:
    write(
        log,
        *(caddy(f"u{n}", 499, waited=8.0) for n in range(6)),
        caddy("a", 499, waited=0.4),
        caddy("b", 499, waited="soon"),
        caddy("b", 499, waited=None),
        *(caddy(f"v{n}") for n in range(4)),
    )
    signal = await measured(log)
    assert (signal.failed, signal.n) == (6, 10)
    nginx = {"msec": str(END - 1), "status": "499", "request_time": "9.500", "user": "x"}
    write(log, json.dumps(nginx))
    signal = await measured(log, user="user")
    assert (signal.failed, signal.n) == (1, 1)


async def test_header_names_in_another_case_are_found(log: Path) -> None:
    write(log, caddy("a", 500))
    assert (await measured(log, user="request.headers.x-user-hash")).n == 1


async def test_half_written_last_line_is_left_for_the_next_time(log: Path) -> None:
    log.write_text(caddy("a") + "\n" + caddy("b", 500)[:40])
    signal = await measured(log)
    assert (signal.n, signal.failed) == (1, 0)


async def test_hostile_lines_are_passed_over(log: Path) -> None:
    lines = [
        "",
        "rubbish",
        "[]",
        "null",
        "[" * 100_000,
        '{"ts": "never", "status": 500}',
        '{"ts": 1e400}',
        '{"ts": true}',
        '{"ts": -5}',
        '{"ts": 1e18}',
        "\x00" * 5000,
        '{"a":',
        caddy("x" * 100_000, 500),
        caddy("x" * 100_001, 500),
        caddy("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), 200),
        json.dumps({"ts": END + 9999, "status": 500, "request": {"headers": {"X-User-Hash": "f"}}}),
        json.dumps({"ts": END, "status": "many", "request": {"headers": {"X-User-Hash": "g"}}}),
        json.dumps({"ts": END, "status": 500, "request": {"headers": {"X-User-Hash": {"h": 1}}}}),
        json.dumps({"ts": END, "status": True, "request": ["X"]}),
    ]
    write(log, caddy("a"), *lines)
    with log.open("ab") as file:
        file.write(b"\xff\xfe\xff\n")
    signal = await measured(log)
    assert (signal.n, signal.failed) == (4, 2)


async def test_the_file_before_a_rotation_is_read_too(log: Path) -> None:
    write(log, caddy("new", 200, 1))
    write(log.with_name("access.json.1"), caddy("old", 500, 70), caddy("before", 500, 20))
    signal = await measured(log)
    assert (signal.n, signal.failed) == (2, 1)
    write(log, *[caddy("older", 500, 100)] * 2, caddy("new", 200, 1))
    assert (await measured(log)).n == 1


async def test_caddys_own_rotation_is_followed(log: Path) -> None:
    write(log, caddy("new", 200, 1))
    write(log.with_name("access-2026-11-21T10-00-00.000.json"), caddy("far", 500, 20))
    write(log.with_name("access-2026-11-22T11-59-50.000.json"), caddy("before", 500, 20))
    assert (await measured(log)).failed == 1


async def test_an_empty_file_right_after_a_rotation(log: Path) -> None:
    write(log)
    write(log.with_name("access.json.1"), caddy("before", 500, 2))
    assert (await measured(log)).n == 1


async def test_one_file_under_two_names_is_read_once(log: Path) -> None:
    write(log, caddy("a", 200, 1))
    os.link(log, log.with_name("access.json.1"))
    assert (await measured(log)).n == 1


async def test_missing_log_folder_and_pipe_say_so(log: Path) -> None:
    missing = await measured(log)
    assert missing.error == "the log cannot be read: no such file or directory"
    assert missing.value is None
    log.mkdir()
    assert (await measured(log)).error is not None
    pipe = log.with_name("pipe")
    os.mkfifo(pipe)
    assert (await measured(pipe)).error == "the log cannot be read: pipe is no plain file"


async def test_empty_window_says_how_old_the_log_is(log: Path) -> None:
    write(log, caddy("a", 500, 3600))
    signal = await measured(log)
    assert signal.error == "no user made a request in the window"
    assert signal.age_s == pytest.approx(3600)
    write(log, "plain text", "more")
    assert (await measured(log)).error == "none of 2 lines is a JSON entry with a time"


async def test_of_a_busy_log_only_the_end_is_read_and_no_more_is_claimed(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 3 * BLOCK)
    count = 20_000
    write(log, *[caddy(f"u{n}", 200, 50 - n * 50 / count) for n in range(count)])
    signal = await measured(log)
    assert 0 < signal.n < count
    assert signal.since is not None
    assert signal.since > NOW - timedelta(seconds=50)


async def test_signal_does_what_every_signal_must(log: Path) -> None:
    write(log, caddy("a"), caddy("b", 500))
    await signal_conforms(lambda: source(log))
    log.unlink()
    await signal_conforms(lambda: source(log))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"one",
        b"one\n",
        b"one\ntwo\n\nfour",
        b"x" * BLOCK + b"\n" + b"y" * (BLOCK - 1) + b"\nend\n",
        b"\n".join(b"line %d" % n for n in range(100_000)),
        b"a\n" + b"x" * (LONGEST_LINE - BLOCK) + b"\nb",
    ],
)
def test_lines_backwards_are_the_lines_forwards_turned_round(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    with open_tail(log) as tail:
        assert list(tail.lines()) == (content.split(b"\n")[::-1] if content else [b""])


@pytest.mark.parametrize("size", [2 * LONGEST_LINE, 3 * LONGEST_LINE + 17])
def test_a_line_beyond_all_measure_is_dropped_and_its_neighbours_kept(log: Path, size: int) -> None:
    log.write_bytes(b"first\n" + b"x" * size + b"\nlast")
    with open_tail(log) as tail:
        lines = list(tail.lines())
    assert lines[0] == b"last"
    assert lines[-1] == b"first"
    assert all(len(line) <= LONGEST_LINE + BLOCK for line in lines)
