"""Dumps that somebody else made: taken in whole, or refused and nothing is left."""

from __future__ import annotations

import gzip
import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

    from lastgood.drivers.database.postgres.driver import PostgresDatabase
    from lastgood.model.backup import Fingerprint

SHOP = (
    "CREATE TYPE mood AS ENUM ('good', 'it''s; \\bad')",
    "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    (
        'CREATE TABLE "Us;ers" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(80),'
        "mood mood DEFAULT 'good', twice int GENERATED ALWAYS AS (length(email) * 2) STORED)"
    ),
    """INSERT INTO "Us;ers" (email) SELECT E'user\\t' || n || E'\\n\\\\.\\n;' FROM
    generate_series(1, 500) n""",
    "CREATE TABLE parts (at int, what text) PARTITION BY RANGE (at)",
    "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100)",
    "INSERT INTO parts VALUES (1, 'a'), (2, NULL)",
    "CREATE TABLE empty_of_columns ()",
    "CREATE TABLE numbers (n positive, b bytea)",
    (
        "INSERT INTO numbers SELECT n, decode(repeat(md5(n::text), 20), 'hex') "
        "FROM generate_series(1, 2000) n"
    ),
    "CREATE INDEX ON numbers (n)",
    (
        "CREATE FUNCTION sums() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true "
        "THEN sum(n) END FROM numbers; END"
    ),
    (
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- it's;\n"
        "INSERT INTO parts VALUES (3, '\\! x'); RETURN NEW; END $$"
    ),
    "CREATE TRIGGER notes AFTER INSERT ON numbers FOR EACH ROW EXECUTE FUNCTION noted()",
    (
        'CREATE RULE kept AS ON DELETE TO "Us;ers" DO INSTEAD '
        "(UPDATE numbers SET n = 1 WHERE n = 1; UPDATE numbers SET n = 2 WHERE n = 2)"
    ),
    "CREATE MATERIALIZED VIEW sum AS SELECT sum(n) FROM numbers",
    "COMMENT ON TABLE numbers IS E'one;\\n-- PostgreSQL database dump complete\\n\\\\! two'",
    "SELECT lo_from_bytea(4711, decode(repeat('00ff', 30000), 'hex'))",
    "GRANT SELECT (n), UPDATE (n) ON numbers TO PUBLIC",
)
FORMATS = ("plain", "gzip", "inserts", "clean", "custom", "tar", "directory")


def dumped(case: Case, kind: str, to: Path) -> Path:
    """A dump as a team would make it."""
    words = {
        "inserts": ["--format=plain", "--rows-per-insert=7", "--blobs"],
        "clean": ["--format=plain", "--clean", "--blobs"],
        "gzip": ["--format=plain"],
    }.get(kind, [f"--format={kind}"])
    file = to / kind
    superuser = case.server.dsn(case.name)
    done = subprocess.run(
        [case.server.programs / "bin" / "pg_dump", *words, f"--file={file}", superuser],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if kind == "gzip":
        packed = to / "dump.sql.gz"
        packed.write_bytes(gzip.compress(file.read_bytes()))
        return packed
    return file


def before(driver: PostgresDatabase) -> Fingerprint:
    with driver.snapshot(60) as snapshot:
        return snapshot.fingerprint()


def taken(driver: PostgresDatabase, file: Path, side: str = "one") -> int:
    return driver.take_in(side, file, driver.examine(file)).left_out


def refused(case: Case, file: Path) -> str:
    """It is refused, says all it must, and leaves nothing."""
    driver = case.driver()
    with pytest.raises(RefusedError) as caught:
        taken(driver, file)
    assert caught.value.cause
    assert caught.value.mend
    assert driver.sides() == []
    assert case.children() == {}
    assert case.private() == []
    return caught.value.code


@pytest.fixture
def one_shop(embedded_case: Case) -> Case:
    embedded_case.execute(*SHOP)
    return embedded_case


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_comes_in_as_it_was(one_shop: Case, kind: str, tmp_path: Path) -> None:
    driver = one_shop.driver()
    file = dumped(one_shop, kind, tmp_path)

    dump = driver.examine(file)
    intake = driver.take_in("one", file, dump)

    assert driver.fingerprint("one") == before(driver)
    assert dump.server_version.split(".")[0] == intake.version.split(".")[0]
    with driver.side_snapshot("one", 60) as snapshot:
        again = snapshot.fingerprint()
        driver.restore("two", list(snapshot.dump()))
    assert driver.fingerprint("two") == again == before(driver)
    driver.drop("one")
    driver.drop("two")


def test_when_it_was_made_is_known_from_its_head_or_the_file(
    one_shop: Case, tmp_path: Path
) -> None:
    driver = one_shop.driver()
    plain, custom = (dumped(one_shop, kind, tmp_path) for kind in ("plain", "custom"))
    old = datetime(2020, 1, 2, tzinfo=UTC).timestamp()
    os.utime(plain, (old, old))

    assert driver.examine(plain).made_at.timestamp() == old
    assert "file" in driver.examine(plain).made_at_from
    assert driver.examine(custom).made_at.year > 2020
    # A head that is later than the file itself is not believed.
    os.utime(custom, (old, old))
    assert driver.examine(custom).made_at.timestamp() == old


def test_roles_that_are_not_there_keep_nothing_out(embedded_case: Case, tmp_path: Path) -> None:
    case = embedded_case
    role = f"gone {case.name}"
    case.execute("CREATE TABLE a (n int)", "INSERT INTO a VALUES (1)")
    case.server.execute(f'CREATE ROLE "{role}"')
    case.server.execute(
        f'GRANT SELECT ON a TO "{role}"',
        f'CREATE TABLE b (n int); ALTER TABLE b OWNER TO "{role}"',
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "{role}" GRANT SELECT ON TABLES TO "{role}"',
        name=case.name,
    )
    files = [dumped(case, kind, tmp_path) for kind in ("plain", "custom")]
    case.server.execute(f'DROP OWNED BY "{role}"', name=case.name)
    case.server.execute(f'DROP ROLE "{role}"')
    driver = case.driver()

    for file in files:
        assert taken(driver, file) >= 2
        assert driver.fingerprint("one").rows == 1
        driver.drop("one")


def test_what_a_newer_server_sets_keeps_nothing_out(one_shop: Case, tmp_path: Path) -> None:
    file = dumped(one_shop, "plain", tmp_path)
    text = file.read_bytes()
    file.write_bytes(text.replace(b"SET lock_timeout", b"SET not_known_yet = 0;\nSET lock_timeout"))
    driver = one_shop.driver()

    taken(driver, file)

    assert driver.fingerprint("one") == before(driver)
    driver.drop("one")


@pytest.mark.parametrize("kind", ["plain", "gzip", "custom", "tar"])
def test_cut_anywhere_it_is_refused_before_anything_is_made(
    one_shop: Case, kind: str, tmp_path: Path
) -> None:
    file = dumped(one_shop, kind, tmp_path)
    whole = file.read_bytes()
    end = whole.rindex(b"dump complete") if kind == "plain" else len(whole)
    size = len(whole)
    for cut in sorted({*range(0, end, end // 5), end - 1, min(end, size - 512), end - 40}):
        file.write_bytes(whole[:cut])
        assert refused(one_shop, file) in {"dump-truncated", "dump-damaged", "not-a-dump"}, cut


def test_a_plain_dump_cut_in_the_last_column_of_a_row_is_refused(
    one_shop: Case, tmp_path: Path
) -> None:
    file = dumped(one_shop, "plain", tmp_path)
    whole = file.read_bytes()
    rows = whole.index(b"COPY public.numbers")
    in_column = whole.index(b"\n", rows + 2000) - 3
    between = whole.index(b"\\.\n", rows) + 3
    for cut in (in_column, between):
        file.write_bytes(whole[:cut])
        assert refused(one_shop, file) == "dump-truncated"


def test_a_folder_that_is_not_whole_is_refused(one_shop: Case, tmp_path: Path) -> None:
    folder = dumped(one_shop, "directory", tmp_path)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert refused(one_shop, folder) in {"dump-damaged", "dump-truncated"}, path
        path.unlink()
        assert refused(one_shop, folder) in {"dump-damaged", "dump-truncated", "not-a-dump"}, path
        path.write_bytes(content)
    driver = one_shop.driver()
    taken(driver, folder)
    driver.drop("one")


@pytest.mark.parametrize("kind", ["gzip", "custom"])
def test_a_flipped_byte_in_packed_rows_is_refused(
    one_shop: Case, kind: str, tmp_path: Path
) -> None:
    file = dumped(one_shop, kind, tmp_path)
    whole = bytearray(file.read_bytes())
    for at in (len(whole) // 2, len(whole) * 3 // 4):
        flipped = whole.copy()
        flipped[at] ^= 0x10
        file.write_bytes(flipped)
        assert refused(one_shop, file) in {"dump-damaged", "dump-truncated", "not-a-dump"}


HOSTILE = {
    "a program": "\\! touch {mark}",
    "a copy": "\\copy numbers to program 'touch {mark}'",
    "another database": "\\connect {live}\nDROP TABLE numbers CASCADE;",
    "a drop": "DROP DATABASE {live} WITH (FORCE);",
    "a server program": "COPY numbers FROM PROGRAM 'touch {mark}';",
    "a setting": "ALTER SYSTEM SET work_mem = '1MB';",
    "a new database": "CREATE DATABASE {live}_x;",
    "a rename": "ALTER DATABASE {live} RENAME TO {live}_x;",
    "code": "DO $$ BEGIN EXECUTE 'DROP TABLE numbers'; END $$;",
}


@pytest.mark.parametrize("named", HOSTILE)
def test_a_hostile_dump_does_nothing(one_shop: Case, named: str, tmp_path: Path) -> None:
    file, mark = dumped(one_shop, "plain", tmp_path), tmp_path / "mark"
    driver, text = one_shop.driver(), file.read_text()
    was, databases = before(driver), one_shop.databases()
    hostile = HOSTILE[named].format(live=one_shop.name, mark=mark)
    end = text.rindex("--\n-- PostgreSQL database dump complete")
    for place in (text.index("SET statement_timeout"), text.index("COPY public.numbers"), end):
        file.write_text(f"{text[:place]}{hostile}\n{text[place:]}")
        assert refused(one_shop, file) in {"meta-command", "foreign-statement"}
    assert not mark.exists()
    assert before(driver) == was
    assert one_shop.databases() == databases


def test_a_second_statement_does_not_hide_behind_the_first(one_shop: Case, tmp_path: Path) -> None:
    file = dumped(one_shop, "plain", tmp_path)
    text = file.read_text()
    # Read one way here and another way there: the server is given one statement all the same.
    hidden = (
        "SET standard_conforming_strings TO off;\n"
        "INSERT INTO public.numbers VALUES (1, '\\'), (2, '; DROP TABLE public.numbers; --');"
    )
    at = text.rindex("--\n-- PostgreSQL database dump complete")
    file.write_text(f"{text[:at]}{hidden}\n{text[at:]}")
    assert refused(one_shop, file) == "dump-not-loadable"


def test_a_role_that_could_harm_the_server_loads_only_what_is_trusted(
    one_shop: Case, tmp_path: Path
) -> None:
    file = dumped(one_shop, "custom", tmp_path)
    driver = one_shop.driver(dsn=one_shop.server.dsn(one_shop.name))
    dump = driver.examine(file)

    with pytest.raises(RefusedError) as caught:
        driver.take_in("one", file, dump)
    assert caught.value.code == "import-superuser"
    assert driver.sides() == []
    driver.take_in("one", file, dump, trusted=True)
    assert driver.fingerprint("one") == before(driver)
    driver.drop("one")


def test_what_the_server_does_not_take_is_refused_with_its_line(
    one_shop: Case, tmp_path: Path
) -> None:
    file = dumped(one_shop, "plain", tmp_path)
    whole = file.read_bytes()
    at = whole.index(b"\t", whole.index(b"COPY public.numbers"))
    for bad in (
        whole.replace(b"COPY public.numbers", b"COPY public.numberz"),
        whole[: at - 1] + b"x" + whole[at:],
        whole.replace(b"CREATE TYPE", b"CREATE EXTENSION not_here;\nCREATE TYPE"),
    ):
        file.write_bytes(bad)
        assert refused(one_shop, file) == "dump-not-loadable"


def test_a_dump_that_changes_meanwhile_is_refused(one_shop: Case, tmp_path: Path) -> None:
    driver = one_shop.driver()
    file = dumped(one_shop, "plain", tmp_path)
    dump = driver.examine(file)
    file.write_bytes(file.read_bytes() + b"\n")

    with pytest.raises(RefusedError) as caught:
        driver.take_in("one", file, dump)
    assert caught.value.code == "dump-changed"
    assert driver.sides() == []


def test_what_is_no_dump_is_refused(one_shop: Case, tmp_path: Path) -> None:
    file = tmp_path / "what"
    plain = dumped(one_shop, "plain", tmp_path).read_bytes()
    custom = dumped(one_shop, "custom", tmp_path).read_bytes()
    contents = [b"", b"SELECT 1;", b"\0" * 5000, os.urandom(5000), b"PGDMP", gzip.compress(b"x")]
    contents += [plain.decode().encode("utf-16"), gzip.compress(custom), b"\x28\xb5\x2f\xfdabc"]
    for content in contents:
        file.write_bytes(content)
        assert refused(one_shop, file) in {"not-a-dump", "dump-truncated", "dump-damaged"}
    assert refused(one_shop, tmp_path) == "not-a-dump"
    assert refused(one_shop, tmp_path / "nothing") == "no-file"
    os.mkfifo(tmp_path / "pipe")
    assert refused(one_shop, tmp_path / "pipe") == "not-a-dump"


def test_an_archive_of_a_newer_server_comes_into_an_older_one(
    one_shop: Case, debian: Server, case_on: Callable[..., Case], tmp_path: Path
) -> None:
    older = case_on(debian)
    driver = older.driver()
    for kind in ("plain", "custom"):
        taken(driver, dumped(one_shop, kind, tmp_path))
        assert driver.fingerprint("one").tables == before(one_shop.driver()).tables
        driver.drop("one")
