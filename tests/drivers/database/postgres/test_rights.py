"""What a role may not do is said before anything is done, with the way round it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from lastgood.errors import ChildError, RefusedError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

TABLE = ("CREATE TABLE t (n serial)", "INSERT INTO t DEFAULT VALUES")


def test_an_ordinary_owner_is_enough(case: Case) -> None:
    case.execute(*TABLE)
    driver = case.driver()

    facts = driver.facts()
    with driver.snapshot(60) as snapshot:
        driver.restore("one", snapshot.dump())

    assert not facts.superuser
    assert facts.owner
    assert facts.createdb
    assert facts.problems == ()
    assert facts.name == case.name
    assert facts.bytes > 0
    assert facts.encoding == "UTF8"
    assert facts.version.split(".")[0] == facts.client_version.split(".")[0]
    assert case.server.home.name in facts.server
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert case.rows_of_side(f"{case.name}__lg_one", owners) == [(case.role,)]


def test_without_createdb_nothing_is_proven(embedded: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(embedded, attributes="NOCREATEDB")
    driver = case.driver()

    with driver.snapshot(60) as snapshot, pytest.raises(RefusedError) as error:
        driver.restore("one", snapshot.dump())

    assert error.value.code == "no-createdb"
    assert "proof_dsn" in error.value.mend
    facts = driver.facts()
    assert not facts.createdb
    assert [problem.code for problem in facts.problems] == ["no-createdb"]
    assert case.databases() == {case.name}


def test_a_server_for_proofs_that_is_away_is_told(embedded_case: Case, tmp_path: Path) -> None:
    driver = embedded_case.driver(proof_dsn=f"host={tmp_path} dbname=postgres user=nobody")

    facts = driver.facts()

    assert not facts.createdb
    assert [problem.code for problem in facts.problems] == ["proof-impossible"]
    assert str(tmp_path) in facts.problems[0].what
    with pytest.raises(RemoteError):
        driver.restore("one", [])


def test_an_administrator_makes_them(server: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(server, attributes="NOCREATEDB")
    case.execute(*TABLE)
    driver = case.driver(admin_dsn=server.dsn("postgres"))

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert driver.facts().createdb
    assert driver.fingerprint("one") == before
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{}__lg_one'"
    assert case.rows(owner.format(case.name)) == [(case.role,)]
    driver.drop("one")
    assert case.databases() == {case.name}


@pytest.mark.parametrize("direction", ["embedded to debian", "debian to embedded"])
def test_another_server_proves(
    embedded: Server, debian: Server, case_on: Callable[..., Case], direction: str
) -> None:
    here, there = (embedded, debian) if direction.startswith("embedded") else (debian, embedded)
    case = case_on(here, attributes="NOCREATEDB")
    case.execute(
        *TABLE,
        "CREATE TABLE more (v varchar(9) CHECK (v IN ('a', 'b')), f float8, at timestamptz)",
        "INSERT INTO more VALUES ('a', 1.0 / 3, now())",
        "GRANT SELECT ON t TO pg_read_all_data",
    )
    proof = case_on(there)
    driver = case.driver(proof_dsn=proof.dsn)

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert driver.facts().createdb
    assert driver.sides() == ["one"]
    assert driver.fingerprint("one") == before
    assert case.databases() == {case.name}
    driver.drop("one")


def test_a_proof_needs_no_living_server(
    restartable: Server, embedded: Server, case_on: Callable[..., Case]
) -> None:
    case, proof = case_on(restartable), case_on(embedded)
    case.execute(*TABLE)
    driver = case.driver(proof_dsn=proof.dsn)
    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        dump = list(snapshot.dump())
    restartable.stop()

    driver.restore("one", dump)

    assert driver.fingerprint("one") == before
    driver.drop("one")
    restartable.start()


def test_what_may_not_be_read_is_named_before_the_dump(case: Case) -> None:
    case.execute(*TABLE)
    with case.server.superuser(case.name) as connection:
        connection.execute("CREATE TABLE public.foreign_to_us (n serial)")
        connection.execute('CREATE SCHEMA "not ours"')
        connection.execute('CREATE TABLE "not ours"."a ""table""" ()')
        connection.execute('CREATE TABLE "not ours".parted (n int) PARTITION BY LIST (n)')
        row = connection.execute("SELECT lo_create(0)").fetchone()
    assert row is not None

    with pytest.raises(RefusedError) as error, case.driver().snapshot(60):
        pass

    assert error.value.code == "table-unreadable"
    for name in (
        "public.foreign_to_us",
        "public.foreign_to_us_n_seq",
        '"not ours"."a ""table"""',
        '"not ours".parted',
        f"large object {row[0]}",
    ):
        assert name in error.value.cause
    assert "public.t," not in error.value.cause
    assert not case.private()


def test_what_was_granted_is_read(case: Case) -> None:
    with case.server.superuser(case.name) as connection:
        connection.execute("CREATE TABLE public.granted AS SELECT 1 AS n")
        connection.execute("SELECT lo_from_bytea(4711, 'x')")
        for what in ("SELECT ON public.granted", "SELECT ON LARGE OBJECT 4711"):
            connection.execute(f'GRANT {what} TO "{case.role}"'.encode())
    driver = case.driver()

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    # Their owner is not ours to give: enough for a proof.
    assert driver.fingerprint("one") == before
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert case.rows_of_side(f"{case.name}__lg_one", owners) == [(case.role,)]


def test_row_security_that_hides_rows_is_refused(case: Case) -> None:
    case.execute(
        *TABLE,
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY few ON t USING (n > 1)",
    )

    with pytest.raises(RefusedError, match="may not read all") as error, case.driver().snapshot(60):
        pass

    assert "public.t" in error.value.cause
    case.execute("ALTER TABLE t NO FORCE ROW LEVEL SECURITY")
    with case.driver().snapshot(60) as snapshot:
        assert snapshot.fingerprint().rows == 1


def test_nobody_else_may_enter_a_side_database(case: Case, case_on: Callable[..., Case]) -> None:
    case.execute(*TABLE)
    stranger = case_on(case.server)
    driver = case.driver()
    side = f"{case.name}__lg_one"
    seen: list[str] = []

    def watched() -> object:
        with driver.snapshot(60) as snapshot:
            for chunk in snapshot.dump():
                for who in (stranger, case):
                    try:
                        dsn = psycopg.conninfo.make_conninfo(who.dsn, dbname=side)
                        psycopg.connect(dsn).close()
                        seen.append(who.role)
                    except psycopg.OperationalError:
                        pass
                yield chunk

    driver.restore("one", watched())  # type: ignore[arg-type]

    assert stranger.role not in seen
    assert case.role in seen
    # Afterwards it is closed: not even its owner or a superuser is let in.
    for dsn in (case.dsn, case.server.dsn("postgres")):
        with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
            psycopg.connect(psycopg.conninfo.make_conninfo(dsn, dbname=side))
    assert driver.fingerprint("one").rows == 1
    with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
        psycopg.connect(psycopg.conninfo.make_conninfo(case.dsn, dbname=side))


def test_a_side_database_is_made_once(embedded_case: Case) -> None:
    driver = embedded_case.driver()
    with driver.snapshot(60) as snapshot:
        dump = list(snapshot.dump())
    driver.restore("one", dump)

    with pytest.raises(RefusedError) as error:
        driver.restore("one", dump)

    assert error.value.code == "side-exists"
    assert driver.sides() == ["one"]


def test_extensions(debian: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(debian)
    case.execute(
        "CREATE EXTENSION citext", "CREATE TABLE t (a citext)", "INSERT INTO t VALUES ('A')"
    )
    driver = case.driver()
    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("trusted", snapshot.dump())
    assert driver.fingerprint("trusted") == before

    debian.execute("CREATE EXTENSION pageinspect", name=case.name)
    with driver.snapshot(60) as snapshot, pytest.raises(ChildError) as error:
        driver.restore("untrusted", snapshot.dump())

    assert "permission denied to create extension" in error.value.cause
    assert driver.sides() == ["trusted"]
    admin = case.driver(dsn=debian.dsn(case.name))
    with admin.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        admin.restore("untrusted", snapshot.dump())
    assert admin.fingerprint("untrusted") == before


def test_a_migration_that_holds_a_table_is_not_waited_for(
    embedded_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lastgood.drivers.database.postgres.backup.snapshot.LOCK_WAIT_MS", 200)
    embedded_case.execute(*TABLE)
    with psycopg.connect(embedded_case.dsn) as migration:
        migration.execute("ALTER TABLE t ADD more int")

        with pytest.raises(RemoteError) as error, embedded_case.driver().snapshot(60):
            pass

        migration.rollback()
    assert error.value.code == "locked"
    assert error.value.retryable


def test_publications_and_rights_travel(embedded: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(embedded)
    case.execute(
        *TABLE,
        "CREATE PUBLICATION few FOR TABLE t",
        "GRANT SELECT ON t TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    )
    driver = case.driver()
    with driver.snapshot(60) as snapshot:
        driver.restore("one", snapshot.dump())
    side = f"{case.name}__lg_one"
    assert case.rows_of_side(side, "SELECT pubname FROM pg_publication") == [("few",)]
    rights = "SELECT has_table_privilege('pg_monitor', 'public.t', 'SELECT')"
    assert case.rows_of_side(side, rights) == [(True,)]

    embedded.execute("CREATE PUBLICATION everything FOR ALL TABLES", name=case.name)
    with driver.snapshot(60) as snapshot:
        driver.restore("two", snapshot.dump())
    side = f"{case.name}__lg_two"
    assert case.rows_of_side(side, "SELECT pubname FROM pg_publication") == []


@pytest.mark.parametrize("several", [False, True])
def test_a_schema_public_that_an_upgrade_left_to_the_superuser(
    case: Case, case_on: Callable[..., Case], *, several: bool
) -> None:
    case.execute(*TABLE, "GRANT SELECT ON t TO pg_monitor")
    case.server.execute(
        "ALTER SCHEMA public OWNER TO postgres",
        f'GRANT ALL ON SCHEMA public TO "{case.role}"',
        name=case.name,
    )
    if several:
        other = case_on(case.server).role
        case.server.execute(
            f'GRANT "{other}" TO "{case.role}"',
            "CREATE TABLE public.theirs ()",
            f'ALTER TABLE public.theirs OWNER TO "{other}"',
            name=case.name,
        )
    driver = case.driver()

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert driver.fingerprint("one") == before
    side = f"{case.name}__lg_one"
    rights = "SELECT has_table_privilege('pg_monitor', 'public.t', 'SELECT')"
    assert case.rows_of_side(side, rights) == [(not several,)]


def test_only_a_superuser_keeps_several_owners(case: Case, case_on: Callable[..., Case]) -> None:
    other = case_on(case.server).role
    case.execute(*TABLE)
    case.server.execute(
        f'GRANT "{other}" TO "{case.role}"',
        f'GRANT CREATE ON SCHEMA public TO "{other}"',
        f'ALTER TABLE t OWNER TO "{other}"',
        name=case.name,
    )
    superuser = case.server.dsn(case.name)
    for side, dsn, owner in (("a", case.dsn, case.role), ("b", superuser, other)):
        driver = case.driver(dsn=dsn)
        with driver.snapshot(60) as snapshot:
            before = snapshot.fingerprint()
            driver.restore(side, snapshot.dump())

        assert driver.fingerprint(side) == before
        owners = "SELECT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert case.rows_of_side(f"{case.name}__lg_{side}", owners) == [(owner,)]


def test_a_subscription_is_not_woken(embedded: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(embedded)
    driver = case.driver(dsn=embedded.dsn(case.name))
    subscription = "SUBSCRIPTION taking CONNECTION 'host=/nowhere' PUBLICATION p"
    embedded.execute(f"CREATE {subscription} WITH (connect = false)", name=case.name)
    try:
        with driver.snapshot(60) as snapshot:
            driver.restore("one", snapshot.dump())

        databases = "SELECT datname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid"
        assert case.rows(databases) == [(case.name,)]
    finally:
        embedded.execute(
            "ALTER SUBSCRIPTION taking SET (slot_name = NONE)",
            "DROP SUBSCRIPTION taking",
            name=case.name,
        )


def test_limits_meant_for_the_application_are_not_ours(case: Case) -> None:
    case.execute(*TABLE)
    limit = "SET statement_timeout TO '100ms'"
    case.server.execute(
        f'ALTER ROLE "{case.role}" {limit}',
        f"ALTER DATABASE \"{case.name}\" SET idle_in_transaction_session_timeout TO '100ms'",
        "CREATE TABLE public.big AS SELECT generate_series(1, 1000000) AS n",
        f'ALTER TABLE public.big OWNER TO "{case.role}"',
        name=case.name,
    )
    driver = case.driver()

    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert driver.fingerprint("one") == before
