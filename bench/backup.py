"""A backup of a real database: against pg_dump, pg_restore and openssl on the same bytes.

    python -m bench backup --size=1500      in MB of the database; --quick takes 100

The database is pgbench's, with users and trades that have five indexes, on a server of its own.
The peers compress as we do, since a backup is as fast as its compression.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.table import Row, megabytes
from tests.servers import running

from lastgood.backup.keyfile import make_key_file
from lastgood.demo.database import _programs
from lastgood.drivers.database.postgres.backup.dumping import _compression
from lastgood.drivers.database.postgres.client.programs import programs_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers import Server

SMALL_MB, LARGE_MB = 100, 1500
DATABASE = "bench"
PATIENCE_S = 3600.0
BAR_MB = 200.0
DECRYPT = Path(__file__).parents[1] / "docs" / "decrypt.py"
# What of a database is pgbench's; 15 MB is its scale of one, with its keys.
PGBENCH_SHARE, PGBENCH_MB = 0.6, 15
# Of a trade and its five indexes, about.
TRADE_BYTES = 175
TABLES = """
    CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text, joined timestamptz);
    INSERT INTO users SELECT n, md5(n::text) || '@shop.example', 'user ' || n,
           timestamptz '2026-01-01' + n * interval '1 s' FROM generate_series(1::bigint, {users}) n;
    CREATE TABLE trades (id bigint, owner bigint, symbol text, amount numeric, at timestamptz);
    INSERT INTO trades SELECT n, n * 7919 % {users} + 1, substr(md5((n % 500)::text), 1, 6),
           (n * 31 % 1000000) / 100.0, timestamptz '2026-01-01' + n * interval '1 ms'
      FROM generate_series(1::bigint, {trades}) n;
    ALTER TABLE trades ADD PRIMARY KEY (id);
    CREATE INDEX ON trades (owner);
    CREATE INDEX ON trades (symbol);
    CREATE INDEX ON trades (at);
    CREATE INDEX ON trades (amount);
"""


class Figures(NamedTuple):
    """What one size came to: ours as the child says it, and the peers' seconds."""

    ours: dict[str, float]
    dumped: float
    restored: float
    opened: float
    by_openssl: float | None
    size: float


def rows(sizes: tuple[int, ...] = (SMALL_MB, LARGE_MB)) -> Iterator[Row]:
    """The lines of the largest size, and the peak memory of each."""
    with running(_programs(), shared_buffers="128MB", maintenance_work_mem="128MB") as server:
        found = [_measured(server, size) for size in sizes]
    for one in found:
        memory = f"peak memory of backup and proof, {one.size / 1000:.2g} GB"
        yield Row(memory, one.ours["peak_mb"], "the bar", BAR_MB, megabytes)
    last = found[-1]
    ours, size = last.ours, f"{last.size / 1000:.2g} GB"
    dump, restore = "`pg_dump -Fc` to a file", "`pg_restore -j2` from a file"
    yield Row(f"backup of {size}: sealed, stored, fingerprinted", ours["backup"], dump, last.dumped)
    without = ours["backup"] - ours["fingerprint"]
    yield Row("the same without the fingerprint", without, dump, last.dumped)
    yield Row(f"restore of {size} into a side database", ours["restore"], restore, last.restored)
    yield Row("its proof: restored and compared", ours["proof"], restore, last.restored)
    what = f"decrypt.py, {ours['sealed_mb']:.0f} MB"
    yield Row(what, last.opened, "`openssl enc -aes-256-ctr`", last.by_openssl)


def _measured(server: Server, size: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="lastgood-bench-") as folder, built(server, size):
        place, tools = Path(folder), server.programs / "bin"
        programs = programs_in(tools)
        if programs is None:
            raise FileNotFoundError(tools)
        dump, plain = place / "peer.pgdump", place / "plain.pgdump"
        dsn = server.dsn(DATABASE)
        how = ("--format=custom", f"--compress={_compression(programs)}", "--no-sync")
        to = (f"--file={dump}", f"--dbname={dsn}")

        def peer_dump() -> None:
            dump.unlink(missing_ok=True)
            run(tools / "pg_dump", *how, *to)

        # Before and after ours: whoever reads first warms the caches for the other.
        dumped = seconds(peer_dump)
        ours = ours_of(place, server)
        dumped = min(dumped, seconds(peer_dump))
        dump.unlink()
        opened = seconds(lambda: decrypted(place, plain))
        sealed = sealed_in(place)
        ours["sealed_mb"] = sealed.stat().st_size / 1e6
        by_openssl = _by_openssl(sealed, place / "openssl")
        server.execute("CREATE DATABASE peer TEMPLATE template0")
        peer = f"--dbname={server.dsn('peer')}"
        restored = seconds(lambda: run(tools / "pg_restore", "-j2", peer, plain))
        server.execute("DROP DATABASE peer")
        return Figures(ours, dumped, restored, opened, by_openssl, ours["database_mb"])


@contextmanager
def built(server: Server, size: int) -> Iterator[None]:
    """A database of about so many MB."""
    server.execute(f"CREATE DATABASE {DATABASE}")
    scale = max(1, round(size * PGBENCH_SHARE / PGBENCH_MB))
    pgbench = server.programs / "bin" / "pgbench"
    run(pgbench, "--initialize", "--quiet", f"--scale={scale}", server.dsn(DATABASE))
    trades = max(1000, round(size * (1 - PGBENCH_SHARE) * 1e6 / TRADE_BYTES))
    server.execute(TABLES.format(users=trades // 10, trades=trades), name=DATABASE)
    # Else the first reader writes down for all rows that they are committed.
    server.execute("VACUUM ANALYZE", "CHECKPOINT", name=DATABASE)
    yield
    server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def ours_of(place: Path, server: Server) -> dict[str, float]:
    """In a process of its own, whose memory is looked at."""
    for key in ("first", "second"):
        make_key_file(place / f"{key}.key")
    backup = {
        "store": f"file://{place}/backups",
        "recipients": ["file:first.key", "file:second.key"],
    }
    database: dict[str, Any] = {
        "driver": "postgres",
        "dsn": server.dsn(DATABASE),
        "programs": str(server.programs / "bin"),
        "backup": backup,
    }
    settings = {
        "version": 1,
        "project": "bench",
        "environments": {"production": {"databases": {"main": database}}},
    }
    config = place / "lastgood.yaml"
    config.write_text(json.dumps(settings), encoding="utf-8")
    child = [sys.executable, str(Path(__file__).with_name("backing.py")), str(config)]
    ended = subprocess.run(child, check=True, stdout=subprocess.PIPE, timeout=PATIENCE_S)
    found: dict[str, float] = json.loads(ended.stdout)
    return found


def sealed_in(place: Path) -> Path:
    """The dump of the backup that `ours_of` left in a folder."""
    return next(place.glob("backups/*/*/*/dump"))


def decrypted(place: Path, plain: Path) -> None:
    """Open that dump into a file, without anything of ours but the script for it."""
    sealed = sealed_in(place)
    manifest = ("--manifest", str(sealed.with_name("manifest.json")))
    opening = [sys.executable, str(DECRYPT), *manifest, "--key", str(place / "first.key")]
    piped(opening, sealed, plain)


def _by_openssl(sealed: Path, out: Path) -> float | None:
    """The same number of bytes through AES-256, without a look at whether they are whole."""
    if shutil.which("openssl") is None:
        return None
    command = ["openssl", "enc", "-d", "-aes-256-ctr", "-K", "00" * 32, "-iv", "00" * 16]
    return seconds(lambda: piped(command, sealed, out))


def run(*command: str | Path) -> None:
    """A peer's program, which must end well."""
    subprocess.run(command, check=True, stderr=subprocess.PIPE, timeout=PATIENCE_S)


def piped(command: list[str], source: Path, target: Path) -> None:
    """A program that reads one file and writes another."""
    with source.open("rb") as read, target.open("wb") as write:
        subprocess.run(command, stdin=read, stdout=write, check=True, timeout=PATIENCE_S)


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
