"""A plain dump is split where psql would split it, and nothing in it is an order."""

from __future__ import annotations

import io

import pytest

from lastgood.drivers.database.postgres.foreign.permitted import Act, permitted
from lastgood.drivers.database.postgres.foreign.script import Script, Statement
from lastgood.errors import RefusedError

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
END = b"--\n-- PostgreSQL database dump complete\n--\n\n"
ROWS = b"1\tada\n2\t\\\\! touch /tmp/x\n"
DUMP = (
    HEAD
    + b"\\restrict Abc123\n\n-- Dumped from database version 16.14\n"
    + b"SET client_encoding = 'UTF8';\n"
    + b"CREATE TABLE public.t (\n    a integer DEFAULT 1,\n    b text DEFAULT 'x;''y'::text\n);\n\n"
    + b"COPY public.t (a, b) FROM stdin;\n"
    + ROWS
    + b"\\.\n\n\nSELECT pg_catalog.setval('public.t_a_seq', 5, true);\n"
    + END
    + b"\\unrestrict Abc123\n\n"
)
STATEMENTS = {
    "a quote": b"INSERT INTO public.t VALUES (1, 'a;b''c\\')",
    "an escape": rb"INSERT INTO public.t VALUES (1, E'a\';b''c\\')",
    "lines": b"COMMENT ON TABLE public.t IS 'first;\n-- second;\n\\! third'",
    "a name": b'CREATE TABLE public."a;""b\\" (a integer)',
    "dollars": b"CREATE FUNCTION public.f() RETURNS void LANGUAGE plpgsql AS $_$ a; $$ b; \\! $_$",
    "dollars in a name": b"CREATE TABLE public.a$b$c (a integer)",
    "comments": b"CREATE TABLE public.t (a integer /* ; /* ' */ \\! ; */, b text)",
    "a rule": b"CREATE RULE r AS ON INSERT TO public.t DO ( DELETE FROM a; DELETE FROM b; )",
    "a body": b"CREATE FUNCTION public.f() RETURNS integer\n    LANGUAGE sql\n    BEGIN ATOMIC\n "
    b"SELECT CASE WHEN true THEN 1 END;\n SELECT 2;\nEND",
    "a body replaced": b"CREATE OR REPLACE PROCEDURE public.f()\n BEGIN ATOMIC SELECT 1; END",
    "a word in a name": b"CREATE TABLE public.f (begin_at text, function text)",
}
ORDERS = [
    b"\\! touch /tmp/x",
    b"\\copy t to program 'touch /tmp/x'",
    b"\\c other",
    b"\\connect other",
    b"SELECT 1 \\! touch /tmp/x\n;",
    b"INSERT INTO public.t VALUES ('a') \\g |touch",
    b"\\restrict a; \\! x",
    b"\\i /etc/passwd",
    b"SELECT 1 \\gexec",
]
FOREIGN = [
    b"CREATE DATABASE x",
    b"DROP DATABASE shop",
    b"ALTER DATABASE shop RENAME TO y",
    b"ALTER SYSTEM SET a = 'b'",
    b"CREATE ROLE x SUPERUSER",
    b"CREATE USER x",
    b"ALTER ROLE x PASSWORD 'y'",
    b"DROP OWNED BY x",
    b"REASSIGN OWNED BY x TO y",
    b"GRANT a TO b",
    b"GRANT ALL ON DATABASE shop TO x",
    b"COPY t FROM PROGRAM 'touch /tmp/x'",
    b"COPY t FROM '/etc/passwd'",
    b"COPY t TO STDOUT",
    b"COPY public.t (a) FROM stdin WITH (FORMAT csv)",
    b"SET ROLE postgres",
    b"SET role = 'postgres'",
    b"SET LOCAL role = 'postgres'",
    b"SET session_authorization = 'postgres'",
    b"RESET ROLE",
    b"SELECT pg_catalog.pg_terminate_backend(1)",
    b"SELECT pg_catalog.set_config('role', 'postgres', false)",
    b"SELECT pg_catalog.setval('a', (SELECT 1))",
    b"SELECT pg_catalog.lowrite(0, pg_read_binary_file('/etc/passwd'))",
    b"DO $$ BEGIN END $$",
    b"CALL f()",
    b"LOAD 'x'",
    b"CREATE TABLESPACE x LOCATION '/tmp'",
    b"/* */ DROP DATABASE shop",
    b"select 1",
]


def read(text: bytes, size: int = 1000) -> list[bytes]:
    script, found = Script(io.BufferedReader(io.BytesIO(text), size)), []
    for statement in script:
        found.append(statement.text)
        if permitted(statement).act is Act.COPY:
            found.append(b"".join(script.rows()))
    return found


def refused(text: bytes) -> str:
    with pytest.raises(RefusedError) as caught:
        read(text)
    assert caught.value.cause
    assert caught.value.mend
    return caught.value.code


@pytest.mark.parametrize("text", [DUMP, DUMP.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + DUMP])
def test_a_dump_is_its_statements_and_rows(text: bytes) -> None:
    found = read(text)
    assert [one.split()[0] for one in found] == [b"SET", b"CREATE", b"COPY", b"1", b"SELECT"]
    assert found[3].replace(b"\r", b"") == ROWS


def test_where_a_buffer_ends_does_not_matter() -> None:
    for size in range(1, 50):
        assert read(DUMP, size) == read(DUMP)


def test_cut_anywhere_it_is_refused() -> None:
    whole = DUMP.index(b"complete") + len(b"complete")
    codes = {refused(DUMP[:end]) for end in range(whole)}
    assert codes == {"dump-truncated", "not-a-dump"}
    assert len(read(DUMP[:whole])) == 5


@pytest.mark.parametrize("named", STATEMENTS)
def test_a_statement_ends_at_its_own_semicolon(named: str) -> None:
    statement = STATEMENTS[named]
    others = b"BEGIN;\n" + statement + b"; COMMIT;\n" + statement + b"\n;\n"
    found = read(HEAD + others + END)
    assert [one.strip() for one in found] == [b"BEGIN", statement, b"COMMIT", statement]


def test_a_backslash_is_an_escape_where_the_dump_says_so() -> None:
    said = b"SET standard_conforming_strings = off"
    statement = b"INSERT INTO public.t VALUES ('a\\';b')"
    assert read(HEAD + said + b";\n" + statement + b";\n" + END) == [said, statement]


@pytest.mark.parametrize("order", ORDERS)
def test_orders_to_psql_are_refused(order: bytes) -> None:
    assert refused(HEAD + b"BEGIN;\n" + order + b"\n" + END) in {
        "meta-command",
        "foreign-statement",
    }
    assert refused(HEAD + order + b"\n" + END) in {"meta-command", "foreign-statement"}


@pytest.mark.parametrize("statement", FOREIGN)
def test_what_pg_dump_does_not_write_is_refused(statement: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        permitted(Statement(statement, 1))
    assert caught.value.code == "foreign-statement"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "dump-truncated"),
        (b"SELECT 1;\n", "not-a-dump"),
        (b"-- MySQL dump 10.13\nCREATE TABLE a (b int);\n", "not-a-dump"),
        (b"--\n-- PostgreSQL database cluster dump\n--\nBEGIN;\n", "not-a-dump"),
        (DUMP + DUMP, "dump-damaged"),
        (DUMP[: DUMP.index(b"SELECT")] + DUMP, "dump-damaged"),
        (DUMP + b"DROP TABLE public.t;\n", "dump-damaged"),
        (HEAD + b"SET client_encoding = 'SJIS';\n" + END, "dump-encoding"),
    ],
)
def test_what_is_no_whole_dump_is_refused(text: bytes, code: str) -> None:
    assert refused(text) == code
