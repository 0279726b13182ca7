"""The check `postgres`, on files that were really damaged."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.cli.main import run
from lastgood.drivers.check.postgres.damage import Looker
from lastgood.drivers.check.postgres.driver import PostgresCheck
from lastgood.drivers.check.postgres.options import PostgresCheckOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
from lastgood.testing.check import CheckCase, check_conforms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

    from lastgood.model.check import CheckResult

PAGE = 8192
CONFIG = """\
version: 1
project: shop
state: sqlite:///.lastgood/state.db
environments:
  production:
    databases:
      main:
        driver: postgres
        dsn: ${DSN}
        verify:
          - {name: users, sql: SELECT count(*) FROM users, expect: "= 5000"}
    checks:
      data: {postgres: main, timeout: 60s, fail_after: 1}
"""


@pytest.fixture
def own(debian: Server) -> Iterator[Server]:
    """A server of the test's own, with checksums, a table and an index."""
    home = Path(tempfile.mkdtemp(prefix="lg-pg-"))
    try:
        home.chmod(0o755)
        server = type(debian)(debian.programs, home)
        server.create()
        done = server._run("pg_checksums", "--enable", "--no-sync", "-D", str(home / "data"))
        assert done.wait(60) == 0
        server.start()
        server.execute(
            "CREATE ROLE looker LOGIN PASSWORD 'let me look'",
            "CREATE EXTENSION amcheck",
            "GRANT EXECUTE ON FUNCTION bt_index_check(regclass) TO looker",
            "CREATE TABLE users (id int PRIMARY KEY, email text)",
            "INSERT INTO users SELECT n, md5(n::text) FROM generate_series(1, 5000) n",
            "CREATE INDEX by_email ON users (email)",
            "GRANT SELECT ON users TO looker",
        )
        yield server
        server.stop()
    finally:
        shutil.rmtree(home)


@contextmanager
def stopped(server: Server, relation: str) -> Iterator[Path]:
    """The file of a table or index, while the server is down."""
    with server.superuser() as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT pg_relation_filepath(%s)", (relation,)).fetchone()
    assert row is not None
    server.stop(2)
    yield server.home / "data" / row[0]
    server.start()


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)


def check_of(dsn: str, **more: Any) -> PostgresCheck:
    options = PostgresCheckOptions.model_validate({"postgres": "main", "dsn": dsn, **more})
    where = Path("/nowhere")
    children = PlainChildren(Masker())
    toolbox = Toolbox(
        environment="production", name="data", base=where, state=where, children=children
    )
    return PostgresCheck(options, toolbox)


def looked(server: Server, **more: Any) -> CheckResult:
    dsn = server.dsn("postgres", "looker", password="let me look")
    return asyncio.run(check_of(dsn, timeout=60, **more).probe())


def test_a_flipped_byte_in_an_index_is_found(own: Server) -> None:
    whole = looked(own)
    assert (whole.ok, whole.status) == (True, "2 of 2 indexes")

    # Two rows change places, as if they had been written wrongly: the page's checksum is right.
    with stopped(own, "by_email") as file:
        content = bytearray(file.read_bytes())
        first, second = (slice(PAGE + 24 + 4 * n, PAGE + 28 + 4 * n) for n in (5, 9))
        content[first], content[second] = content[second], content[first]
        file.write_bytes(content)
        data = str(own.home / "data")
        for act in ("--disable", "--enable"):
            assert own._run("pg_checksums", act, "--no-sync", "-D", data).wait(60) == 0

    found = looked(own)
    assert not found.ok
    assert "by_email" in str(found.error)
    assert found.shows == "corruption"


def test_a_flipped_byte_in_a_table_is_found_and_decides(
    own: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "lastgood.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("DSN", own.dsn("postgres", "looker", password="let me look"))
    monkeypatch.delenv("ENVIRONMENT", raising=False)

    def said(*words: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = run([*words, "--json", "--config", str(tmp_path / "lastgood.yaml")])
        return code, json.loads(capsys.readouterr().out)

    assert said("check")[0] == 0
    with stopped(own, "users") as file:
        flip(file, 3 * PAGE + 4000)

    # First the query meets the page, then the server has counted it.
    code, document = said("check")
    assert code == 3
    assert "users: invalid page in block 3" in document["checks"][0]["error"]
    verdict = said("decide")[1]
    assert (verdict["verdict"], verdict["method"]) == ("rollback", "database")
    assert any("data is damaged: data:" in reason for reason in verdict["reasons"])
    counted = looked(own)
    assert "did not have their checksum" in str(counted.error)
    assert looked(own, known_failures=1000).ok


def test_a_query_that_is_not_satisfied_is_named(embedded_case: Case) -> None:
    queries = [{"name": "none", "sql": "SELECT 1", "expect": "= 2"}]
    found = asyncio.run(check_of(embedded_case.dsn, timeout=60, verify=queries).probe())
    assert (found.error, found.shows) == ("none: 1, expected = 2", "corruption")
    broken = [{"name": "broken", "sql": "SELECT nothing", "expect": "= 2"}]
    found = asyncio.run(check_of(embedded_case.dsn, timeout=60, verify=broken).probe())
    assert str(found.error).startswith("broken: ")
    assert found.shows is None
    writing = [{"name": "w", "sql": "CREATE TABLE x (a int)", "expect": "= 2"}]
    found = asyncio.run(check_of(embedded_case.dsn, timeout=60, verify=writing).probe())
    assert "read-only" in str(found.error)
    slow = [{"name": "slow", "sql": "SELECT pg_sleep(60)", "expect": "= 2"}]
    found = asyncio.run(check_of(embedded_case.dsn, timeout=1, verify=slow).probe())
    assert (found.ok, found.shows) == (False, None)


async def test_it_does_what_every_check_does(embedded_case: Case) -> None:
    case = CheckCase(
        make=lambda: check_of(embedded_case.dsn, timeout=60),
        ok=True,
        limit_s=60,
        secrets=(embedded_case.dsn,),
    )
    await check_conforms(case)
    nobody = CheckCase(
        make=lambda: check_of("postgresql://me:hunter22@127.0.0.1:1/x", timeout=5),
        ok=False,
        limit_s=5,
        secrets=("hunter22",),
    )
    assert (await check_conforms(nobody)).shows is None


async def test_a_server_that_never_answers_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        found = await check_of(f"postgresql://me@127.0.0.1:{port}/x", timeout=0.5).probe()
    assert (found.error, found.shows) == ("no answer in 0.5 s", None)


def test_each_look_goes_on_behind_the_last_index() -> None:
    looker, indexes = Looker(0, ()), [(1, "a"), (2, "b"), (3, "c")]
    assert sorted(looker._turned(indexes)) == indexes
    for last, order in ((2, "cab"), (3, "abc"), (9, "abc")):
        looker._next = last
        assert "".join(name for _, name in looker._turned(indexes)) == order
    assert looker._turned([]) == []


def test_a_database_that_is_not_described_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "lastgood.yaml"
    config.write_text(CONFIG.replace("postgres: main", "postgres: other"), encoding="utf-8")
    monkeypatch.setenv("DSN", "postgresql://me@127.0.0.1:1/x")
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    assert run(["check", "--json", "--config", str(config)]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "which-database"
