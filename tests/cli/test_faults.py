"""What can be wrong around a command: said with its cause and its mend, and nothing is changed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from lastgood.cli.main import run
from lastgood.testing.hostile import HostileServer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"


@pytest.fixture
def broken(stack: Stack) -> Stack:
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    return stack


class TestConfiguration:
    def test_there_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run(["status"]) == 2
        assert "lastgood init" in capsys.readouterr().err
        assert run(["status", "--config", str(tmp_path / "other.yaml")]) == 2
        assert "other.yaml" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_it_is_no_yaml(self, stack: Stack) -> None:
        stack.config.write_text("version: 1\nproject: [shop\nstate: x\n", encoding="utf-8")
        ran = stack.run("status", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (2, "config")
        assert f"{stack.config} has a fault" in ran.err
        assert "line 3: this is not YAML" in ran.err
        assert not stack.state.exists()

    def test_a_driver_is_unknown(self, stack: Stack) -> None:
        stack.service()["deploy"]["driver"] = "relases"
        stack.configure()
        ran = stack.run("rollback", "--confirm", "production", "--json")
        assert ran.code == 2
        assert "relases" in ran.err
        assert "releases" in ran.err.replace("relases", "")
        assert not stack.state.exists()

    def test_all_faults_are_told_at_once(self, stack: Stack) -> None:
        stack.environment["budgt"] = "5m"
        stack.environment["stability"] = "soon"
        stack.configure()
        ran = stack.run("check")
        assert ran.code == 2
        assert "budget" in ran.err
        assert "soon" in ran.err


class TestState:
    def test_it_is_of_a_newer_version(self, broken: Stack) -> None:
        with contextlib.closing(sqlite3.connect(broken.state / "state.db")) as connection:
            connection.execute("UPDATE lastgood_revision SET version_num = '9999'")
            connection.commit()
        before = broken.remembered(), broken.on_disk()
        for words in (("rollback", "--confirm", "production"), ("status",), ("releases", "list")):
            ran = broken.run(*words, "--json")
            assert (ran.code, ran.json["error"]["code"]) == (1, "state-newer")
            assert "upgrade lastgood" in ran.json["error"]["mend"]
        assert (broken.remembered(), broken.on_disk()) == before

    def test_its_disk_is_full(self, broken: Stack) -> None:
        """No file may grow any more, as when nothing is left."""
        broken.end_runner()
        before = broken.on_disk()
        words = ("rollback", "--confirm", "production", "--json")
        with _no_room():
            ran = broken.finish(broken.start(*words))
        assert ran.code == 1, ran
        assert ran.json["error"]["code"] in {"state-full", "state-io"}
        assert "free space" in ran.json["error"]["mend"]
        assert broken.on_disk() == before

    def test_its_folder_is_a_file(self, stack: Stack) -> None:
        stack.state.write_text("not a folder", encoding="utf-8")
        stack.deploy(GOOD)
        ran = stack.run("rollback", "--confirm", "production", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (1, "state-unreachable")


class TestEndpoints:
    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("/hang", "no whole answer in 1 s"),
            ("/drip", "no whole answer in 1 s"),
            ("/reset", "reset"),
            ("/silent", "clos"),
            ("/loop", "redirect"),
            ("/gigabytes", "larger than 1 MiB"),
            ("/rubbish", "HTTP"),
        ],
    )
    def test_one_that_misbehaves_is_said_in_a_line(
        self, stack: Stack, path: str, words: str
    ) -> None:
        stack.deploy(GOOD)
        with _hostile() as server:
            check = stack.environment["checks"]["backend"]
            check |= {"url": server.url(path), "timeout": "1s", "redirects": 5}
            stack.configure()
            begun = time.monotonic()
            ran = stack.run("check", "--json")
            shown = stack.run("check")
        assert time.monotonic() - begun < 50
        assert ran.code == shown.code == 3
        errors = {check["name"]: check["error"] for check in ran.json["checks"]}
        assert errors["frontend"] is None
        assert words in errors["backend"], errors
        assert "\n" not in errors["backend"]
        assert "\x1b" not in shown.out + shown.err

    def test_a_certificate_that_nobody_trusts(self, stack: Stack) -> None:
        stack.deploy(GOOD)
        with _hostile(_untrusted()) as server:
            stack.environment["checks"]["backend"]["url"] = server.url("/ok")
            stack.configure()
            ran = stack.run("check", "--json")
        assert ran.code == 3
        errors = {check["name"]: check["error"] for check in ran.json["checks"]}
        assert "certificate" in errors["backend"]

    def test_nobody_listens(self, stack: Stack) -> None:
        stack.deploy(GOOD)
        stack.environment["checks"]["backend"]["url"] = "http://127.0.0.1:9/health"
        stack.configure()
        ran = stack.run("check", "--service", "backend", "--json")
        assert ran.code == 3
        assert "refused" in ran.json["checks"][0]["error"]


class TestInterrupts:
    def test_the_first_explains_the_second_stops_watching_and_the_run_goes_on(
        self, broken: Stack
    ) -> None:
        going = broken.place / "go"
        waits = f"until [ -e {going} ]; do sleep 0.1; done"
        broken.service()["deploy"]["restart"] = ["timeout", "50", "sh", "-c", waits]
        broken.configure()
        process = broken.start("rollback", "--confirm", "production", "--json")
        broken.wait(lambda: broken.live() == GOOD, "the flip")

        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        for line in process.stderr:
            if "lastgood cancel" in line:
                break
        second = broken.rollback()
        process.send_signal(signal.SIGINT)
        ran = broken.finish(process)

        assert ran.code == 130
        assert ran.json["error"]["code"] == "interrupted"
        assert "lastgood watch" in ran.json["error"]["mend"]
        (run_,) = broken.run("status", "--json").json["runs"]
        assert run_["id"] in ran.json["error"]["message"]
        # Meanwhile nobody else may begin.
        assert (second.code, second.json["error"]["code"]) == (5, "locked")
        assert run_["id"] in second.err
        assert f"{run_['commanded_at']:.10}" in second.err

        going.touch()
        watched = broken.run("watch", "--json")
        assert (watched.code, watched.json["outcome"]) == (0, "recovered")

    def test_what_is_not_begun_is_only_interrupted(self, broken: Stack) -> None:
        with _hostile() as server:
            broken.environment["checks"]["backend"] |= {"url": server.url("/hang")}
            broken.environment["checks"]["backend"]["timeout"] = "60s"
            broken.configure()
            process = broken.start("check", "--json")
            broken.wait(lambda: server.questions, "the question")
            process.send_signal(signal.SIGINT)
            ran = broken.finish(process)
        assert (ran.code, ran.json["error"]["code"]) == (130, "interrupted")


def test_a_reader_that_has_seen_enough_is_no_fault(stack: Stack) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        process = stack.start("status", "--json", stdout=write)
    finally:
        os.close(write)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err


def test_a_fault_of_ours_is_a_document_too(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TypeError("a \x1b[2Jfault")

    monkeypatch.setattr("lastgood.app.status.glance_at", fail)
    ran = stack.run("status", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (1, "fault")
    assert "Traceback" in ran.err
    assert "\x1b" not in ran.err


@contextlib.contextmanager
def _no_room() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def _hostile(tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    """The server in a thread of its own, since the command has this one."""
    server = HostileServer(tls)
    ready = threading.Event()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with server:
            ready.set()
            await stop.wait()

    def work() -> None:
        loop.run_until_complete(serve())
        loop.close()

    serving = threading.Thread(target=work, daemon=True)
    serving.start()
    try:
        assert ready.wait(60)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        serving.join(60)


def _untrusted() -> ssl.SSLContext:
    import ssl  # noqa: PLC0415 - one test needs it

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context
