"""A warm swap under busy clients, and the ways back that restore first: each beside its peers.

    python -m bench swap --sizes=100,500,1500      in MB of the database; --quick takes 100

Twelve clients in a process of their own ask without a pause and connect again at once. First they
read, and the copy is swapped in; then they write to the largest table, and that is undone: what is
written to meanwhile must be counted again while nobody can connect. The rest is of the largest
size: a restore of the encrypted backup, the runbook's `psql`, and pgBackRest, where it is
installed with a server that it knows.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.backup import DATABASE, built, decrypted, ours_of, run, seconds
from bench.table import Row, count
from tests.servers import running

from lastgood.demo.database import _programs
from lastgood.drivers.database.postgres.driver import make
from lastgood.drivers.database.postgres.options import PostgresOptions
from lastgood.ports.swapping import Closed, Copy
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import Server

    from lastgood.drivers.database.postgres.driver import PostgresDatabase

SIZES, SMALL = (100, 500, 1500), (100,)
BAR_S = 1.0
CLIENTS = Path(__file__).with_name("clients.py")
DEBIAN = Path("/usr/lib/postgresql/15")
# How long they are looked at without a swap, and after it.
CALM_S, AFTER_S = 2.0, 1.0
PATIENCE_S = 3600.0
KEPT = Copy(kind=Closed.KEPT, id="bench")
REPLACED = Copy(kind=Closed.QUARANTINED, id="replaced")


class Met(NamedTuple):
    """What one swap was for its clients.

    Attributes:
        gap_s: the longest time in which none of them was answered.
        calm_s: the same, before the swap.
        closed_s: as the swap says it.
        errors: of the client that met most.
    """

    gap_s: float
    calm_s: float
    closed_s: float
    errors: int


class Restored(NamedTuple):
    """Seconds of each way that restores."""

    ours: float
    pg_restore: float
    psql: float
    pgbackrest: float | None
    size: str


def rows(sizes: tuple[int, ...] = SIZES) -> Iterator[Row]:
    """The swap of each size, then what restores take of the last."""
    with running(_programs(), shared_buffers="128MB", maintenance_work_mem="128MB") as server:
        for size in sizes:
            with built(server, size):
                yield from _swaps(server)
                if size == sizes[-1]:
                    found = _restored(server, size)
    ours, side = found.ours, f"side restore of {found.size} from the encrypted backup"
    yield Row(side, ours, "`pg_restore -j2` of the same dump", found.pg_restore)
    yield Row(side, ours, "`psql < plain.sql`, the runbook's way", found.psql)
    yield Row(side, ours, "`pgbackrest --delta restore` and start", found.pgbackrest)


def _swaps(server: Server) -> Iterator[Row]:
    """There, while the largest table is read, and back, while it is written to."""
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder:
        database = _driver(server, Path(folder))
        size = _size(database)
        with database.snapshot(PATIENCE_S) as snapshot:
            database.restore(KEPT.id, snapshot.dump())
        database.keep(KEPT.id)
        for work, copy, replaced in (("reads", KEPT, REPLACED.id), ("writes", REPLACED, "undone")):
            met = _met(server, database, work, copy, replaced)
            what = f"swap of {size}, {work}"
            yield Row(f"{what}: nobody was answered", met.gap_s, "before it", met.calm_s)
            yield Row(f"{what}: nobody could connect", met.closed_s, "the bar", BAR_S)
            yield Row(f"{what}: errors of a client", met.errors, "its one session", 1, count)
        database.drop_quarantined("undone")


def _driver(server: Server, place: Path) -> PostgresDatabase:
    options = {"dsn": server.dsn(DATABASE), "programs": str(server.programs / "bin")}
    toolbox = Toolbox(
        environment="production",
        name="main",
        base=place,
        state=place,
        children=PlainChildren(Masker()),
    )
    return make(PostgresOptions.model_validate(options), toolbox)


def _size(database: PostgresDatabase) -> str:
    return f"{database.facts().bytes / 1e9:.2g} GB"


def _met(server: Server, database: PostgresDatabase, work: str, copy: Copy, replaced: str) -> Met:
    with _clients(server.dsn(DATABASE), work) as clients:
        if clients.stdin is None:  # it is asked for
            raise AssertionError
        time.sleep(CALM_S)
        clients.stdin.write("now\n")
        clients.stdin.flush()
        done = database.swap(copy, replaced, None, fence=lambda: None)
        time.sleep(AFTER_S)
        said, _ = clients.communicate(timeout=PATIENCE_S)
    found = json.loads(said)
    return Met(found["gap_s"], found["calm_s"], done.closed_s, max(found["errors"]))


@contextmanager
def _clients(dsn: str, work: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(CLIENTS), dsn, work],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as clients:
        try:
            if clients.stdout is None or not clients.stdout.readline():
                raise RuntimeError("the clients were never answered")
            yield clients
        finally:
            clients.kill()


def _restored(server: Server, size: int) -> Restored:
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder:
        place, tools = Path(folder), server.programs / "bin"
        ours = ours_of(place, server)
        dump, plain = place / "peer.pgdump", place / "plain.sql"
        decrypted(place, dump)
        run(tools / "pg_restore", f"--file={plain}", dump)
        with _empty(server) as peer:
            restored = seconds(lambda: run(tools / "pg_restore", "-j2", f"--dbname={peer}", dump))
        with _empty(server) as peer:
            by_psql = seconds(lambda: _fed(tools / "psql", peer, plain))
    return Restored(
        ours=ours["restore"],
        pg_restore=restored,
        psql=by_psql,
        pgbackrest=_by_pgbackrest(size),
        size=f"{ours['database_mb'] / 1000:.2g} GB",
    )


@contextmanager
def _empty(server: Server) -> Iterator[str]:
    """An empty database's address."""
    server.execute("CREATE DATABASE peer TEMPLATE template0")
    yield server.dsn("peer")
    server.execute("DROP DATABASE peer")


def _fed(psql: Path, dsn: str, plain: Path) -> None:
    """As the runbook has it: without a stop at errors, and outside of any transaction."""
    with plain.open("rb") as read:
        command = [str(psql), "--quiet", f"--dbname={dsn}"]
        subprocess.run(
            command, stdin=read, stdout=subprocess.DEVNULL, check=True, timeout=PATIENCE_S
        )


def _by_pgbackrest(size: int) -> float | None:
    """A stopped server's backup, some writes, then back to it: until it answers again."""
    if shutil.which("pgbackrest") is None or not (DEBIAN / "bin" / "postgres").exists():
        return None
    with (
        running(DEBIAN, shared_buffers="128MB", maintenance_work_mem="128MB") as server,
        tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder,
        built(server, size),
    ):
        pgbackrest = _PgBackRest(server, Path(folder))
        server.stop(signal.SIGINT)
        pgbackrest.run("stanza-create", "--no-online")
        pgbackrest.run("backup", "--no-online", "--process-max=2")
        server.start()
        server.execute(
            "UPDATE pgbench_accounts SET abalance = 1 WHERE aid % 100 = 1", name=DATABASE
        )
        server.stop(signal.SIGINT)

        def back() -> None:
            # What is restored was stopped well: it has nothing to replay.
            pgbackrest.run("restore", "--delta", "--type=none", "--process-max=2")
            server.start()

        return seconds(back)


class _PgBackRest:
    """Encrypted, as ours is, into a folder on the same disk, by two processes."""

    def __init__(self, server: Server, place: Path) -> None:
        self._options = (
            *("--no-config", "--stanza=bench", f"--pg1-path={server.home / 'data'}"),
            *(f"--repo1-path={place / 'repository'}", f"--lock-path={place}"),
            *("--log-level-file=off", "--log-level-console=error", "--log-level-stderr=error"),
            "--repo1-cipher-type=aes-256-cbc",
        )
        self._environment = {**os.environ, "PGBACKREST_REPO1_CIPHER_PASS": "bench"}

    def run(self, *words: str) -> None:
        subprocess.run(
            ["pgbackrest", *self._options, *words],
            env=self._environment,
            check=True,
            timeout=PATIENCE_S,
        )
