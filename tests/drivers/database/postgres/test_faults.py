"""Whatever breaks on the way is said clearly, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import ChildError, LastgoodError, RemoteError
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

    from lastgood.drivers.database.postgres.backup.snapshot import HeldSnapshot

# More than every pipe between the server and us can hold.
LARGE = (
    "CREATE TABLE noise (n int PRIMARY KEY, t text)",
    """INSERT INTO noise SELECT n, string_agg(md5((n * 1000 + m)::text), '')
         FROM generate_series(1, 300) n, generate_series(1, 700) m GROUP BY n""",
)


@pytest.fixture
def large(embedded_case: Case) -> Case:
    embedded_case.execute(*LARGE)
    return embedded_case


def dump_of(case: Case) -> bytes:
    with case.driver().snapshot(60) as snapshot:
        return b"".join(snapshot.dump())


def in_pieces(data: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def nothing_is_left(case: Case) -> bool:
    return case.databases() == {case.name} and not case.children() and not case.private()


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.9, 0.999])
def test_a_truncated_dump_leaves_nothing(large: Case, share: float) -> None:
    dump = dump_of(large)

    with pytest.raises(ChildError) as error:
        large.driver().restore("one", in_pieces(dump[: int(len(dump) * share)]))

    assert error.value.code == "pg-restore-failed"
    assert error.value.cause
    assert nothing_is_left(large)


@pytest.mark.parametrize("place", [3, 100, 1_000, 60_000, -2_000_000, -100, -1])
def test_a_flipped_bit_is_found(large: Case, place: int) -> None:
    with large.driver().snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        dump = bytearray(b"".join(snapshot.dump()))
    dump[place] ^= 0x10
    driver = large.driver()

    try:
        driver.restore("one", in_pieces(bytes(dump)))
    except ChildError:
        assert nothing_is_left(large)
    else:
        # A date in the head, or what compression does not check: then the content tells.
        assert driver.fingerprint("one") != before or place in range(200)


@pytest.mark.parametrize("stream", [b"", b"PGDMP", b"SELECT 1;\n" * 10_000, b"\0" * 300_000])
def test_what_is_no_dump_leaves_nothing(embedded_case: Case, stream: bytes) -> None:
    with pytest.raises(ChildError):
        embedded_case.driver().restore("one", in_pieces(stream))

    assert nothing_is_left(embedded_case)


def test_more_than_a_dump_is_none(large: Case) -> None:
    with pytest.raises(ChildError) as error:
        large.driver().restore("one", in_pieces(dump_of(large) + b"x" * 5_000_000, 100_000))

    assert error.value.code == "dump-damaged"
    assert nothing_is_left(large)


def test_a_stream_that_breaks_is_told_as_it_is(large: Case) -> None:
    dump = dump_of(large)

    def broken() -> Iterator[bytes]:
        yield dump[:50_000]
        raise RuntimeError("the store is gone")

    with pytest.raises(RuntimeError, match="the store is gone"):
        large.driver().restore("one", broken())

    assert nothing_is_left(large)


def test_a_dump_that_nobody_wants_any_more_ends(large: Case) -> None:
    with large.driver().snapshot(60) as snapshot:
        dump = snapshot.dump()
        next(dump)
        assert large.children("pg_dump")

        dump.close()  # type: ignore[attr-defined]  # it is a generator

        assert nothing_is_left(large)
        assert snapshot.fingerprint().rows == 300


def test_a_dump_does_not_outlive_its_snapshot(large: Case) -> None:
    with large.driver().snapshot(60) as snapshot:
        dump = snapshot.dump()
        next(dump)

    assert not large.children()
    with pytest.raises(ChildError):
        list(dump)
    assert nothing_is_left(large)


def test_a_killed_pg_dump_is_no_dump(large: Case) -> None:
    with large.driver().snapshot(60) as snapshot:
        dump = snapshot.dump()
        next(dump)
        for child in large.children("pg_dump"):
            os.kill(child, signal.SIGKILL)

        with pytest.raises(ChildError, match="pg_dump was ended by signal 9"):
            list(dump)

    assert nothing_is_left(large)


def test_a_killed_pg_restore_leaves_nothing(large: Case) -> None:
    dump = dump_of(large)

    def murderous() -> Iterator[bytes]:
        for number, piece in enumerate(in_pieces(dump)):
            if number == 100:
                for child in large.children("pg_restore"):
                    os.kill(child, signal.SIGKILL)
            yield piece

    with pytest.raises(ChildError, match="pg_restore was ended by signal 9"):
        large.driver().restore("one", murderous())

    assert nothing_is_left(large)


def test_a_server_that_ends_in_mid_dump(restartable: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(restartable)
    case.execute(*LARGE)
    with case.driver().snapshot(60) as snapshot:
        dump = snapshot.dump()
        next(dump)
        restartable.stop()
        restartable.start()

        with pytest.raises(ChildError) as error:
            list(dump)
        with pytest.raises(RemoteError) as lost:
            snapshot.fingerprint()

    assert "server" in error.value.cause or "connection" in error.value.cause
    assert lost.value.code == "database-lost"
    assert lost.value.retryable
    assert nothing_is_left(case)


def test_a_server_that_ends_in_mid_restore(
    restartable: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(restartable)
    case.execute(*LARGE)
    dump = dump_of(case)

    def restarting() -> Iterator[bytes]:
        for number, piece in enumerate(in_pieces(dump)):
            if number == 100:
                restartable.stop()
                restartable.start()
            yield piece

    with pytest.raises(ChildError):
        case.driver().restore("one", restarting())

    assert nothing_is_left(case)


def test_a_server_that_stays_away_leaves_the_side_for_later(
    restartable: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(restartable)
    case.execute(*LARGE)
    dump = dump_of(case)

    def stopping() -> Iterator[bytes]:
        yield dump[:100_000]
        restartable.stop()
        yield dump[100_000:]

    with pytest.raises(ChildError) as error:
        case.driver().restore("one", stopping())
    restartable.start()

    assert "drop the side database one" in error.value.mend
    assert case.driver().sides() == ["one"]
    case.driver().drop("one")
    assert nothing_is_left(case)


def test_a_server_that_is_not_there(restartable: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(restartable)
    driver = case.driver()
    restartable.stop()

    with pytest.raises(RemoteError) as error:
        driver.facts()
    with pytest.raises(RemoteError), driver.snapshot(60):
        pass

    assert error.value.code == "database-unreachable"
    assert error.value.retryable
    restartable.start()


def consumed_slowly(dump: Iterator[bytes]) -> None:
    for _ in dump:
        time.sleep(0.3)


def test_a_snapshot_that_is_held_too_long_is_given_up(large: Case) -> None:
    with large.driver().snapshot(1.0) as snapshot:
        dump = snapshot.dump()
        next(dump)
        with pytest.raises(ChildError) as error:
            consumed_slowly(dump)
        with pytest.raises(ChildError) as later:
            snapshot.fingerprint()

    assert error.value.code == later.value.code == "snapshot-too-long"
    assert nothing_is_left(large)
    held = "SELECT count(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND datname = '{}'"
    assert large.rows(held.format(large.name)) == [(1,)]  # the one who asks


def test_what_is_being_read_too_long_is_given_up(embedded_case: Case) -> None:
    with embedded_case.driver().snapshot(1.0) as snapshot:
        with pytest.raises(ChildError) as error:
            asleep(snapshot)
        with pytest.raises(ChildError):
            snapshot.settings()

    assert error.value.code == "snapshot-too-long"


def asleep(snapshot: HeldSnapshot) -> None:
    with snapshot._within_limit(), told("the content could not be read", Masker()):
        snapshot._connection.execute("SELECT pg_sleep(600)")


VICTIM = """
import sys
from pathlib import Path
from lastgood.drivers.database.postgres.driver import make
from lastgood.drivers.database.postgres.options import PostgresOptions
from lastgood.ports.toolbox import Toolbox
state, dsn, what = Path(sys.argv[1]), sys.stdin.readline().strip(), sys.argv[2]
toolbox = Toolbox(environment="p", name="main", base=state, state=state, children=None)
driver = make(PostgresOptions.model_validate({"dsn": dsn}), toolbox)
with driver.snapshot(60) as snapshot:
    dump = snapshot.dump()
    first = next(dump)
    if what == "restore":
        def slowly():
            yield first
            for _ in range(50):  # more than is read ahead
                yield next(dump)
            print("now", flush=True)
            sys.stdin.readline()
        driver.restore("one", slowly())
    print("now", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.linux
@pytest.mark.parametrize("what", ["dump", "restore"])
def test_our_own_death_leaves_no_program_and_no_password(large: Case, what: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(large.state), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        victim.stdin.write(f"{large.dsn}\n")
        victim.stdin.flush()
        assert victim.stdout.readline() == "now\n"
        while not large.children(f"pg_{what}"):
            time.sleep(0.05)
        assert large.private()
        victim.kill()
        victim.wait()

    while large.children():
        time.sleep(0.05)
    driver = large.driver()
    assert driver.sides() == (["one"] if what == "restore" else [])
    for side in driver.sides():
        driver.drop(side)
    with driver.snapshot(60) as snapshot:
        list(snapshot.dump())
    assert nothing_is_left(large)


def test_two_dumps_at_once(large: Case) -> None:
    fingerprints, faults = [], list[BaseException]()

    def work(side: str) -> None:
        try:
            driver = large.driver()
            with driver.snapshot(60) as snapshot:
                driver.restore(side, snapshot.dump())
                fingerprints.append((snapshot.fingerprint(), driver.fingerprint(side)))
        except LastgoodError as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(side,)) for side in ("one", "two", "one")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({str(found) for pair in fingerprints for found in pair}) == 1
    assert [getattr(fault, "code", "") for fault in faults] == ["side-exists"]
    assert large.driver().sides() == ["one", "two"]
