"""A copy takes the live database's place: what is carried over, counted, refused, undone."""

from __future__ import annotations

import subprocess
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.drivers.database.postgres.kept_copy import BACKUP, COPY, free, keep_copy, side
from tests.drivers.database.postgres.test_settings import BELONGING
from tests.servers import PASSWORD

from lastgood.drivers.database.postgres.swap.replacing import _BRIEFLY_S
from lastgood.errors import LastgoodError, RefusedError, StaleLeaseError
from lastgood.ports.swapping import Closed, Copy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

QUARANTINED = Copy(kind=Closed.QUARANTINED, id="run-1")


def dumped(case: Case, name: str) -> str:
    """All of a closed or open database, as pg_dump writes it."""
    admits = dict(case.rows("SELECT datname, datallowconn FROM pg_database", "postgres"))[name]
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    program = str(case.server.programs / "bin" / "pg_dump")
    found = subprocess.run(
        [program, "--dbname", case.server.dsn(name)], capture_output=True, check=True, text=True
    ).stdout
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {admits}')
    return "\n".join(line for line in found.splitlines() if "restrict " not in line)


def without_numbers(dump: str) -> str:
    return "\n".join(line for line in dump.splitlines() if "setval(" not in line)


def codes(case: Case, *, drop_slots: bool = False, **options: Any) -> set[str]:
    found = case.driver(**options).obstacles(COPY, drop_slots=drop_slots)
    assert all(one.what and one.mend for one in found)
    return {one.code for one in found}


def test_it_takes_the_place_and_gives_it_back(case: Case) -> None:
    copy = keep_copy(case)
    was, kept = dumped(case, case.name), dumped(case, copy)
    driver = case.driver()
    assert driver.obstacles(None) == driver.obstacles(COPY) == []

    with psycopg.connect(case.dsn) as somebody:
        done = driver.swap(COPY, "run-1", 8, fence=free)
        assert done.ended == 1
        with pytest.raises(psycopg.OperationalError):
            somebody.execute("SELECT 1")

    assert side(case) == "copy"
    assert done.loss.complete
    assert done.loss.vanishing == 8
    assert done.said == ()
    assert without_numbers(dumped(case, case.name)) == without_numbers(kept)
    assert dumped(case, f"{case.name}__lgq_run-1") == was
    (found,) = driver.quarantined()
    assert (found.id, found.problems) == ("run-1", ())
    assert found.bytes > 0
    assert driver.kept() == []

    assert case.driver().obstacles(QUARANTINED) == []
    driver.swap(QUARANTINED, "undo-1", 1, fence=free)

    assert side(case) == "live"
    assert without_numbers(dumped(case, case.name)) == without_numbers(was)
    assert [one.id for one in driver.quarantined()] == ["undo-1"]
    for _ in range(2):
        driver.drop_quarantined("undo-1")
        assert driver.quarantined() == []
    assert case.databases() == {case.name}


def test_no_number_is_given_twice(embedded_case: Case) -> None:
    """Neither after the swap, nor after it was undone."""
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(
        case,
        "CREATE SEQUENCE down INCREMENT -2 MINVALUE -100000 MAXVALUE 0 START 0",
        "CREATE SEQUENCE narrow MAXVALUE 50 CACHE 5",
        "CREATE SEQUENCE round MAXVALUE 10 CYCLE",
        "CREATE SEQUENCE still",
        "SELECT nextval('still'), nextval('round')",
    )
    case.execute(
        "SELECT nextval('down') FROM generate_series(1, 5)",
        "SELECT nextval('narrow'), nextval('round') FROM generate_series(1, 40)",
        "CREATE SEQUENCE later",
    )
    next_one = "INSERT INTO users (name) VALUES ('one more') RETURNING id"

    driver.swap(COPY, "run-1", None, fence=free)
    (first,) = case.rows(next_one)[0]
    assert first > 107
    assert case.rows("SELECT nextval('down')") == [(-8 - 2 * 1000 - 2,)]
    # Past the last, without a margin: there is no room for one.
    assert case.rows("SELECT nextval('narrow')") == [(41,)]
    # A round one goes on as it would have.
    assert case.rows("SELECT nextval('round')") == [(2,)]
    assert case.rows("SELECT nextval('still')") == [(2,)]

    driver.swap(QUARANTINED, "undo-1", None, fence=free)
    assert case.rows(next_one)[0][0] > first
    assert case.rows("SELECT nextval('later')") == [(1,)]


def test_what_belongs_to_it_is_carried_over_and_back(case: Case) -> None:
    copy = keep_copy(case)
    name, role = f'"{case.name}"', f'"{case.role}"'
    case.server.execute(
        f"GRANT SET ON PARAMETER my.setting TO {role}",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO pg_monitor WITH GRANT OPTION",
        f"ALTER DATABASE {name} CONNECTION LIMIT 17",
        f"COMMENT ON DATABASE {name} IS 'it''s \"ours\"'",
        f'ALTER DATABASE {name} SET search_path TO "$user", "a, ""b", public',
        f"ALTER DATABASE {name} SET my.setting TO 'a ''b'' \\ c, d'",
        f"ALTER ROLE {role} IN DATABASE {name} SET statement_timeout TO '30s'",
    )
    before = case.rows(BELONGING.format(case.name))
    driver = case.driver()

    driver.swap(COPY, "run-1", None, fence=free)
    assert case.rows(BELONGING.format(case.name)) == before

    case.server.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 18")
    case.server.execute(f"ALTER DATABASE {name} RESET my.setting")
    case.server.execute(f"REVOKE ALL ON DATABASE {name} FROM pg_monitor")
    before = case.rows(BELONGING.format(case.name))
    driver.swap(QUARANTINED, "undo-1", None, fence=free)
    assert case.rows(BELONGING.format(case.name)) == before
    assert copy not in case.databases()


def test_what_our_role_may_not_carry_is_refused_until_it_is_there(
    embedded: Server, case_on: Callable[..., Case]
) -> None:
    case, other = case_on(embedded), case_on(embedded)
    copy = keep_copy(case)
    case.server.execute(
        f'ALTER ROLE "{other.role}" IN DATABASE "{case.name}" SET work_mem TO \'7MB\'',
        f'ALTER DATABASE "{case.name}" SET log_min_duration_statement TO 4711',
    )

    (found,) = case.driver().obstacles(COPY)
    assert found.code == "not-carried"
    assert f"work_mem of {other.role}" in found.what
    assert "log_min_duration_statement of everybody" in found.what
    assert "4711" not in found.what
    with pytest.raises(RefusedError) as refused:
        case.driver().swap(COPY, "run-1", None, fence=free)
    assert refused.value.code == "not-carried"
    assert case.driver(admin_dsn=case.server.dsn("postgres")).obstacles(COPY) == []

    case.server.execute(
        f'ALTER ROLE "{other.role}" IN DATABASE "{copy}" SET work_mem TO \'7MB\'',
        f'ALTER DATABASE "{copy}" SET log_min_duration_statement TO 4711',
    )
    before = case.rows(BELONGING.format(case.name))
    case.driver().swap(COPY, "run-1", None, fence=free)
    assert case.rows(BELONGING.format(case.name))[0][-1] == before[0][-1]


def test_another_owner_and_other_grantors(embedded: Server, case_on: Callable[..., Case]) -> None:
    """By a superuser, for a database that belongs to a group."""
    case = case_on(embedded)
    keep_copy(case)
    group = f"group of {case.role}"
    case.server.execute(
        f'CREATE ROLE "{group}"',
        f'GRANT "{group}" TO "{case.role}"',
        f'ALTER DATABASE "{case.name}" OWNER TO "{group}"',
        f'GRANT CONNECT ON DATABASE "{case.name}" TO "{case.role}" WITH GRANT OPTION',
        f'SET ROLE "{case.role}"',
        f'GRANT CONNECT ON DATABASE "{case.name}" TO pg_monitor',
    )
    driver = case.driver(admin_dsn=case.server.dsn("postgres"))

    done = driver.swap(COPY, "run-1", None, fence=free)

    ((owner, _, rights, *_),) = case.rows(BELONGING.format(case.name))
    assert owner == group
    assert f'pg_monitor=c/\\"{group}' in rights
    assert any("are granted by the owner now" in line for line in done.said)
    # Also by the role itself, which is a member.
    case.driver().swap(QUARANTINED, "undo-1", None, fence=free)
    assert side(case) == "live"


def test_more_loss_than_accepted_is_refused_under_closure(embedded_case: Case) -> None:
    """What is written after the count counts, too; and TRUNCATE is not missed."""
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case, "CREATE TABLE log (line text)", "INSERT INTO log VALUES ('a'), ('b')")
    count = driver._swaps._counting
    looked: list[list[str]] = []

    def lose(copy: Copy, longest_s: float) -> Any:
        found = count.lose(copy, longest_s)
        case.execute("INSERT INTO users (name) VALUES ('late')", "TRUNCATE log")
        return found

    def compare(live: Any, copy: Any, some: Any, longest_s: float) -> Any:
        looked.append(sorted(one.name for one in some))
        return count.compare(live, copy, some, longest_s)

    object.__setattr__(driver._swaps, "_counting", type(count)(lose, compare))

    with pytest.raises(RefusedError) as refused:
        driver.swap(COPY, "run-1", 8, fence=free)
    assert refused.value.code == "loss-over-accepted"
    assert "would vanish: 9; accepted: 8" in refused.value.cause
    assert side(case) == "live"
    assert driver.quarantined() == []

    done = driver.swap(COPY, "run-1", 10, fence=free)
    assert done.loss.vanishing == 10
    assert {one.table: one.returning for one in done.loss.tables}["public.log"] == 2
    # Only what was written to, and not `which`.
    assert looked == [["log", "users"]] * 2


def test_a_table_that_the_server_reads_by_several_processes_is_counted_again(
    case: Case,
) -> None:
    """Under closure no other process enters the database, not even one of the server's own."""
    keep_copy(case)
    # As for a large table.
    for setting in ("min_parallel_table_scan_size TO 0", "parallel_setup_cost TO 0"):
        case.execute(f'ALTER DATABASE "{case.name}" SET {setting}')
    case.execute("ALTER TABLE users SET (parallel_workers = 2)")
    driver = case.driver()
    count = driver._swaps._counting

    def lose(copy: Copy, longest_s: float) -> Any:
        found = count.lose(copy, longest_s)
        # At most eleven by what was written, and nine in fact: so they must be counted.
        case.execute("INSERT INTO users (name) VALUES ('late')")
        case.execute("INSERT INTO which VALUES ('x')")
        case.execute("DELETE FROM which WHERE side = 'x'")
        return found

    object.__setattr__(driver._swaps, "_counting", type(count)(lose, count.compare))

    done = driver.swap(COPY, "run-1", 9, fence=free)

    assert done.loss.complete
    assert done.loss.vanishing == 9


def test_what_cannot_be_counted_in_time_is_bounded(embedded_case: Case) -> None:
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case)
    count = driver._swaps._counting

    def lose(copy: Copy, longest_s: float) -> Any:
        found = count.lose(copy, longest_s)
        case.execute("INSERT INTO users (name) VALUES ('late'), ('later')")
        return found

    def hurried(live: Any, copy: Any, some: Any, _: float) -> Any:
        return count.compare(live, copy, some, 0.0)

    object.__setattr__(driver._swaps, "_counting", type(count)(lose, hurried))

    with pytest.raises(RefusedError, match="would vanish: 10; accepted: 9"):
        driver.swap(COPY, "run-1", 9, fence=free)
    done = driver.swap(COPY, "run-1", 12, fence=free)
    assert done.loss.vanishing == 12
    assert not done.loss.complete


def test_clients_do_not_wait_for_a_number_that_decides_nothing(embedded_case: Case) -> None:
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case)
    count = driver._swaps._counting
    given: list[float] = []

    def lose(copy: Copy, longest_s: float) -> Any:
        found = count.lose(copy, longest_s)
        case.execute("INSERT INTO users (name) VALUES ('late'), ('later')")
        return found

    def compare(live: Any, copy: Any, some: Any, longest_s: float) -> Any:
        given.append(longest_s)
        return count.compare(live, copy, some, 60.0)

    object.__setattr__(driver._swaps, "_counting", type(count)(lose, compare))

    with pytest.raises(RefusedError):
        driver.swap(COPY, "run-1", 9, fence=free)
    assert driver.swap(COPY, "run-1", 12, fence=free).loss.vanishing == 12
    assert driver.swap(QUARANTINED, "undo-1", None, fence=free).loss.complete

    needed, known, any_number = given
    assert known == any_number == _BRIEFLY_S < needed


def test_who_lost_the_lock_changes_nothing(embedded_case: Case) -> None:
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case)

    def stale() -> None:
        raise StaleLeaseError("taken over", cause="by another", mend="leave it")

    with pytest.raises(StaleLeaseError):
        driver.swap(COPY, "run-1", None, fence=stale)

    assert side(case) == "live"
    assert driver.quarantined() == []
    assert [one.problems for one in driver.kept()] == [()]


def test_an_id_is_used_once(embedded_case: Case) -> None:
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case)
    driver.swap(COPY, "run-1", None, fence=free)

    with pytest.raises(RefusedError) as refused:
        driver.swap(COPY, "run-1", None, fence=free)
    assert refused.value.code == "quarantine-exists"
    with pytest.raises(RefusedError) as gone:
        driver.swap(COPY, "run-2", None, fence=free)
    assert gone.value.code == "no-copy"


def test_hooks_run_before_anybody_is_let_in(embedded_case: Case, tmp_path: Any) -> None:
    case = embedded_case
    keep_copy(case, "CREATE SCHEMA app", "CREATE TABLE app.jobs (state text)")
    case.execute(f'ALTER DATABASE "{case.name}" SET search_path TO app, public')
    program = tmp_path / "hook"
    program.write_text("#!/bin/sh\npwd > hook.ran\n")
    program.chmod(0o755)
    hooks = [
        "INSERT INTO jobs VALUES ('paused'); INSERT INTO jobs VALUES ('100%')",
        {"command": [str(program)]},
    ]

    done = case.driver(before_open=hooks).swap(COPY, "run-1", 8, fence=free)

    assert case.rows("SELECT state FROM app.jobs") == [("paused",), ("100%",)]
    assert (case.state / "hook.ran").read_text().strip() == str(case.state)
    assert done.loss.vanishing == 8
    assert case.private() == []


@pytest.mark.parametrize(
    ("hooks", "kind"),
    [
        (["SELECT 1/0"], "refused"),
        (["SELECT pg_sleep(100)"], "refused"),
        (["COMMIT"], "refused"),
        ([{"command": ["false"]}], "child-failed"),
        ([{"command": ["sleep", "100"]}], "child-failed"),
        ([{"command": ["true"]}, "TRUNCATE users; SELECT 1/0"], "child-failed"),
    ],
)
def test_a_failing_hook_changes_nothing(embedded_case: Case, hooks: Any, kind: str) -> None:
    case = embedded_case
    keep_copy(case)
    driver = case.driver(before_open=hooks, before_open_timeout="1s")

    with pytest.raises(LastgoodError) as failed:
        driver.swap(COPY, "run-1", None, fence=free)

    assert failed.value.code == "hook-failed"
    assert isinstance(failed.value, RefusedError) == (kind == "refused")
    assert side(case) == "live"
    assert driver.quarantined() == []
    assert not case.children()
    driver.loss(COPY, longest_s=60)
    assert [one.problems for one in driver.kept()] == [()]


def test_a_rehearsal_leaves_nothing(case: Case) -> None:
    assert case.driver().rehearse() == []
    assert case.databases() == {case.name}
    case.server.execute(f'ALTER ROLE "{case.role}" NOCREATEDB')
    assert {one.code for one in case.driver().rehearse()} == {"no-createdb"}
    assert case.databases() == {case.name}


def test_what_stands_in_the_way_is_told_all_at_once(case: Case) -> None:
    copy = keep_copy(case)
    case.server.execute(f'ALTER ROLE "{case.role}" NOCREATEDB')
    case.server.execute(f'ALTER DATABASE "{case.name}" IS_TEMPLATE true')
    case.server.execute(f'ALTER DATABASE "{copy}" WITH ALLOW_CONNECTIONS true')
    case.server.execute(f'GRANT CONNECT ON DATABASE "{copy}" TO pg_monitor')

    with case.server.superuser(case.name), case.server.superuser(copy):
        assert codes(case) == {
            "may-not-rename", "template-database", "sessions-not-ours",
            "copy-entered", "kept-open", "kept-admits",
        }  # fmt: skip
        with pytest.raises(RefusedError, match="sessions in the live database") as refused:
            case.driver().swap(COPY, "run-1", None, fence=free)
        assert "somebody is in the database" in refused.value.cause
        # A superuser may end them.
        found = codes(case, admin_dsn=case.server.dsn("postgres"))
        assert "sessions-not-ours" not in found
        assert "may-not-rename" not in found
    case.server.execute(f'ALTER DATABASE "{case.name}" IS_TEMPLATE false')


def test_who_comes_in_late_and_may_stay_is_no_harm(embedded_case: Case) -> None:
    """A superuser who enters after the question is refused to, and everybody else let in again."""
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case)
    count = driver._swaps._counting
    late: list[psycopg.Connection[Any]] = []

    def lose(copy: Copy, longest_s: float) -> Any:
        late.append(case.server.superuser(case.name))
        return count.lose(copy, longest_s)

    object.__setattr__(driver._swaps, "_counting", type(count)(lose, count.compare))
    with pytest.raises(RefusedError) as refused:
        driver.swap(COPY, "run-1", None, fence=free)
    assert refused.value.code == "sessions-stay"
    assert "postgres" in refused.value.cause
    assert late[0].execute("SELECT 1").fetchone() == (1,)
    late[0].close()
    assert side(case) == "live"


def test_members_and_signallers_may_end_sessions(
    embedded: Server, case_on: Callable[..., Case]
) -> None:
    case, other = case_on(embedded), case_on(embedded)
    keep_copy(case)
    with psycopg.connect(case.server.dsn(case.name, other.role, password=PASSWORD)):
        assert codes(case) == {"sessions-not-ours"}
        case.server.execute(f'GRANT pg_signal_backend TO "{case.role}"')
        assert codes(case) == set()
        assert case.driver().swap(COPY, "run-1", None, fence=free).ended == 1


def test_slots_prepared_transactions_and_subscriptions(
    logical: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(logical)
    keep_copy(case, "CREATE PUBLICATION parts FOR TABLE users")
    slot = f"slot_{case.name}"
    create = f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')"
    case.server.execute(create, name=case.name)
    case.server.execute(
        f"CREATE SUBSCRIPTION sub_{case.name} CONNECTION 'dbname=x' PUBLICATION p "
        "WITH (connect = false)",
        name=case.name,
    )
    case.execute("BEGIN; INSERT INTO which VALUES ('x'); PREPARE TRANSACTION 'half'")

    assert codes(case) == {"replication-slots", "prepared-transactions", "subscriptions"}
    case.execute("ROLLBACK PREPARED 'half'")
    case.server.execute(
        f"ALTER SUBSCRIPTION sub_{case.name} SET (slot_name = NONE)",
        f"DROP SUBSCRIPTION sub_{case.name}",
        name=case.name,
    )
    assert codes(case, drop_slots=True) == {"slots-not-ours"}
    case.server.execute(f'ALTER ROLE "{case.role}" REPLICATION')
    assert codes(case) == {"replication-slots"}

    done = case.driver().swap(COPY, "run-1", None, fence=free, drop_slots=True)

    assert len(done.said) == 1
    assert f"the replication slot {slot} was dropped" in done.said[0]
    assert case.rows("SELECT * FROM pg_replication_slots") == []
    assert case.rows("SELECT pubname FROM pg_publication") == [("parts",)]


def test_a_prepared_transaction_that_comes_late(
    logical: Server, case_on: Callable[..., Case]
) -> None:
    """The server itself refuses, within seconds, and lets everybody in again."""
    case = case_on(logical)
    keep_copy(case)
    driver = case.driver()
    count = driver._swaps._counting

    def lose(copy: Copy, longest_s: float) -> Any:
        case.execute("BEGIN; INSERT INTO which VALUES ('x'); PREPARE TRANSACTION 'late'")
        return count.lose(copy, longest_s)

    object.__setattr__(driver._swaps, "_counting", type(count)(lose, count.compare))
    with pytest.raises(RefusedError, match="prepared transaction"):
        driver.swap(COPY, "run-1", None, fence=free)
    case.execute("ROLLBACK PREPARED 'late'")
    assert side(case) == "live"


def test_clients_get_in_again_to_one_whole_database(case: Case) -> None:
    """A dozen of them, who connect anew whenever they are thrown out."""
    keep_copy(case)
    whole = {("live", 107), ("copy", 100)}
    seen: list[set[tuple[str, int]]] = [set() for _ in range(12)]
    over = threading.Event()
    after: list[set[tuple[str, int]]] = [set() for _ in range(12)]
    done = threading.Event()

    def work(number: int) -> None:
        connection = None
        while not over.is_set():
            late = done.is_set()
            try:
                connection = connection or psycopg.connect(case.dsn, autocommit=True)
                query = "SELECT (SELECT side FROM which), (SELECT count(*) FROM users)"
                row = connection.execute(query).fetchone()
            except psycopg.OperationalError:
                if connection is not None:
                    connection.close()
                connection = None
                continue
            assert row is not None
            (after if late else seen)[number].add(row)
        if connection is not None:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    while not all(seen):
        over.wait(0.01)
    case.driver().swap(COPY, "run-1", None, fence=free)
    done.set()
    while not all(after) and any(thread.is_alive() for thread in threads):
        over.wait(0.01)
    over.set()
    for thread in threads:
        thread.join()

    assert set().union(*seen) <= whole
    assert after == [{("copy", 100)}] * 12


def test_a_name_at_the_limit(embedded: Server, case_on: Callable[..., Case]) -> None:
    case = case_on(embedded, name="x" * 63)
    keep_copy(case)
    driver = case.driver()
    assert driver.rehearse() == []
    driver.swap(COPY, "run-1", None, fence=free)
    assert side(case) == "copy"
    assert [one.id for one in driver.quarantined()] == ["run-1"]
    driver.swap(QUARANTINED, "undo-1", None, fence=free)
    assert side(case) == "live"


def test_an_opened_quarantine_is_told(embedded_case: Case) -> None:
    case, driver = embedded_case, embedded_case.driver()
    keep_copy(case)
    driver.swap(COPY, "run-1", None, fence=free)
    name = f"{case.name}__lgq_run-1"
    case.server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
    case.server.execute(f'GRANT CONNECT ON DATABASE "{name}" TO PUBLIC')

    (found,) = driver.quarantined()

    assert [one.code for one in found.problems] == ["quarantine-open", "quarantine-admits"]
    assert BACKUP not in str(found)


def test_replaced_databases_of_others_are_no_concern(
    embedded: Server, case_on: Callable[..., Case]
) -> None:
    case, other = case_on(embedded), case_on(embedded)
    name = f"{other.name}__lgq_run-1"
    embedded.execute(
        f'CREATE DATABASE "{name}" OWNER "{other.role}"',
        f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC',
    )

    assert case.driver().quarantined() == []
    assert [one.id for one in other.driver().quarantined()] == ["run-1"]


def test_what_a_killed_rehearsal_left_is_removed_by_the_next(embedded_case: Case) -> None:
    case = embedded_case
    left, others = f"rehearsal-{0:08x}-0a1b2c3d-live", "rehearsal-of-mine"
    for one in (left, others):
        case.server.execute(f'CREATE DATABASE "{case.name}__lg_{one}" OWNER "{case.role}"')
    assert case.driver().rehearse() == []
    assert case.databases() == {case.name, f"{case.name}__lg_{others}"}
