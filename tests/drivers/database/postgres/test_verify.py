"""The project's own queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case

QUERIES = {
    "good": ("SELECT count(*) FROM users", "> 0", ""),
    "text": ("SELECT 'a%sb'", "a%sb", ""),
    "truth": ("SELECT true", "true", ""),
    "few": ("SELECT count(*) FROM users", "between 5 and 9", "few: 3, expected between 5 and 9"),
    "broken": ("SELECT nothing FROM nowhere", "> 0", 'relation "nowhere" does not exist'),
    "slow": ("SELECT 1 FROM pg_sleep(60)", "= 1", "statement timeout"),
    "writes": ("WITH gone AS (DELETE FROM users RETURNING 1) SELECT 1", "= 1", "read-only"),
    "sets": ("SET default_transaction_read_only TO off", "= 1", "not one row with one column"),
    "wide": ("SELECT 1, 2", "= 1", "not one row with one column"),
    "none": ("SELECT 1 WHERE false", "= 1", "not one row with one column"),
    "many": ("SELECT generate_series(1, 1000000)", "= 1", "not one row with one column"),
    "hostile": (r"SELECT E'\x1b[2J' || repeat('x', 10000)", "x", "hostile: xxx"),
    "two": ("SELECT 1; SELECT 2", "= 1", ""),
}


@pytest.fixture
def restored(case: Case) -> Case:
    case.execute("CREATE TABLE users AS SELECT generate_series(1, 3) AS id")
    with case.driver().snapshot(60) as snapshot:
        case.driver().restore("one", snapshot.dump())
    return case


def test_each_query_is_told_by_its_name(restored: Case) -> None:
    queries = [
        {"name": name, "sql": sql, "expect": expect} for name, (sql, expect, _) in QUERIES.items()
    ]
    driver = restored.driver(verify=queries, verify_timeout="1s")

    problems = driver.verify("one")

    told = {problem.what.partition(":")[0]: problem for problem in problems}
    for name, (_, _, said) in QUERIES.items():
        assert (name in told) is bool(said), name
        if said:
            assert said in told[name].what
            assert told[name].mend
            assert len(told[name].what) < 500
            assert "\x1b" not in told[name].what
    assert driver.fingerprint("one").rows == 3


def test_without_queries_there_is_nothing_to_say(restored: Case) -> None:
    assert restored.driver().verify("one") == []
