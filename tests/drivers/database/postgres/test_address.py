"""How servers are reached, and that no password shows on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from lastgood.drivers.database.postgres.client.address import Address, Target
from lastgood.errors import ConfigError, RemoteError, UsageError
from lastgood.ports.swapping import Closed, Copy
from lastgood.process.masking import Masker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

PASSWORD = r"p:a\s's @w/o%r#d" + '"'
NOISE = "CREATE TABLE noise AS SELECT repeat(md5(n::text), 30) t FROM generate_series(1, 20000) n"


def as_url(case: Case) -> str:
    user, password = quote(case.role, safe=""), quote(PASSWORD, safe="")
    host = quote(str(case.server.home), safe="")
    return f"postgresql://{user}:{password}@/{quote(case.name, safe='')}?host={host}"


def test_a_url_and_keywords_mean_the_same(case: Case) -> None:
    assert case.driver(dsn=as_url(case)).facts() == case.driver().facts()


def test_no_password_shows_to_who_lists_processes(embedded_case: Case) -> None:
    case = embedded_case
    case.execute(NOISE)
    driver = case.driver(dsn=as_url(case))
    forms = {PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), PASSWORD.replace("\\", "\\\\")}
    seen: dict[int, str] = {}

    def watched() -> object:
        with driver.snapshot(60) as snapshot:
            for chunk in snapshot.dump():
                seen.update(case.children())
                yield chunk
            seen.update(case.children())

    driver.restore("one", watched())  # type: ignore[arg-type]

    shown = "".join(seen.values())
    assert "pg_dump" in shown
    assert "pg_restore" in shown
    assert "PGPASSFILE" in shown
    assert [form for form in forms if form in shown] == []


def test_files_with_passwords_are_ours_alone_and_short_lived(embedded_case: Case) -> None:
    case = embedded_case
    case.execute(NOISE)
    with case.driver().snapshot(60) as snapshot:
        dump = snapshot.dump()
        next(dump)

        files = case.private()
        passwords = [path for path in files if path.name == "password"]
        assert len(passwords) == 1
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert passwords[0].parent.stat().st_mode & 0o777 == 0o700
        list(dump)

    assert case.private() == []
    assert [path for path in case.state.rglob("*") if path.is_file()] == []


def test_a_wrong_password_is_not_repeated(embedded_case: Case) -> None:
    wrong = "wrong-and-secret"
    dsn = embedded_case.server.dsn(embedded_case.name, embedded_case.role, password=wrong)

    with pytest.raises(RemoteError) as error:
        embedded_case.driver(dsn=dsn).facts()

    assert error.value.code == "database-unreachable"
    assert "authentication failed" in error.value.cause
    assert wrong not in str(error.value)


def test_variables_of_the_shell_lead_nowhere_else(
    embedded: Server, debian: Server, case_on: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_on(embedded)
    for name, value in {
        "PGHOST": str(debian.home),
        "PGDATABASE": "postgres",
        "PGPASSWORD": "another",
        "PGOPTIONS": "-c search_path=nowhere",
    }.items():
        monkeypatch.setenv(name, value)

    driver = case.driver()
    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert driver.fingerprint("one") == before
    assert driver.facts().version.startswith("16")


def test_what_the_address_leaves_open_is_found_where_psql_finds_it(
    embedded_case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    case = embedded_case
    services, passwords = tmp_path / "services", tmp_path / "pgpass"
    services.write_text(f"[shop]\nhost={case.server.home}\ndbname={case.name}\n", "utf-8")
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    passwords.write_text(f"*:*:{case.name}:*:{escaped}\n*:*:*:*:wrong\n", "utf-8")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    driver = case.driver(dsn=f"service=shop user='{case.role}'")

    with driver.snapshot(60) as snapshot:
        assert b"".join(snapshot.dump()).startswith(b"PGDMP")
        assert b"CREATE ROLE" in snapshot.roles()


def test_the_first_server_that_answers_is_meant_throughout(
    embedded_case: Case, tmp_path: Path
) -> None:
    hosts = f"{tmp_path},{embedded_case.server.home}"
    dsn = f"host={hosts} user='{embedded_case.role}' dbname={embedded_case.name}"
    password = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    driver = embedded_case.driver(dsn=f"{dsn} password='{password}'")

    with driver.snapshot(60) as snapshot:
        driver.restore("one", snapshot.dump())
        assert driver.fingerprint("one") == snapshot.fingerprint()


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://a:hunter22%zz@h/x",
        "host=h hunter22",
        "password='hunter22",
        "hunter22=hunter22",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(dsn: str) -> None:
    with pytest.raises(ConfigError) as error, Address(dsn, Masker()).connected():
        pass

    assert error.value.code == "dsn-unreadable"
    assert "hunter22" not in str(error.value)


def test_other_secrets_than_the_password_go_by_a_service_file(tmp_path: Path) -> None:
    target = Target({"host": "h", "dbname": "d b='x'"}, {"sslpassword": "key s3cret"})

    dsn, variables = target.hand_over(tmp_path)

    assert "s3cret" not in dsn
    assert "s3cret" not in str(variables)
    services = Path(variables["PGSERVICEFILE"])
    assert services.read_text("utf-8") == "[lastgood]\nsslpassword=key s3cret\n"
    assert services.stat().st_mode & 0o777 == 0o600


def test_a_password_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        Target({"host": "h"}, {"password": "a\nb"}).hand_over(tmp_path)

    assert error.value.code == "password-with-newline"
    assert list(tmp_path.iterdir()) == []


def test_the_owner_of_a_database_puts_no_operators_under_ours(
    embedded_case: Case, embedded: Server
) -> None:
    case = embedded_case
    case.execute("CREATE SCHEMA theirs", "CREATE TABLE theirs.orders (id int PRIMARY KEY)")
    for number, (type_, sign) in enumerate(
        [('"char"', "="), ('"char"', "<>"), ("name", "="), ("name", "<>"), ("text", "=")]
    ):
        case.execute(
            f"CREATE FUNCTION theirs.spy{number}({type_}, {type_}) RETURNS bool LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE 'it ran as %', current_user; END $$",
            f"CREATE OPERATOR theirs.{sign} (LEFTARG = {type_}, RIGHTARG = {type_}, "
            f"FUNCTION = theirs.spy{number})",
        )
    case.execute(f'ALTER DATABASE "{case.name}" SET search_path TO theirs, pg_catalog')
    driver = case.driver(dsn=embedded.dsn(case.name))

    assert driver.facts().name == case.name
    with driver.snapshot(60) as snapshot:
        driver.restore("20260801T120000.000Z-0a1b2c3d", snapshot.dump())
    driver.keep("20260801T120000.000Z-0a1b2c3d")
    copy = Copy(kind=Closed.KEPT, id="20260801T120000.000Z-0a1b2c3d")
    assert driver.obstacles(copy) == []
    assert driver.swap(copy, "run-1", 0, fence=lambda: None).loss.complete
    driver.drop_quarantined("run-1")
