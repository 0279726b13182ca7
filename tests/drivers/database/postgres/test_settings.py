"""What a dump leaves out: roles, and what belongs to the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.database.postgres.catalog.settings import elements

if TYPE_CHECKING:
    from tests.drivers.database.postgres.conftest import Case

BELONGING = """
    SELECT pg_get_userbyid(datdba), datconnlimit, datacl::text,
           shobj_description(d.oid, 'pg_database'),
           ARRAY(SELECT setrole::regrole || ' ' || unnest(setconfig) FROM pg_db_role_setting
                  WHERE setdatabase = d.oid ORDER BY 1)
      FROM pg_database d WHERE datname = '{}'"""


def test_they_make_another_database_the_same(case: Case) -> None:
    name, role = f'"{case.name}"', f'"{case.role}"'
    case.server.execute(
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO pg_monitor",
        f"GRANT TEMPORARY ON DATABASE {name} TO {role} WITH GRANT OPTION",
        f"ALTER DATABASE {name} CONNECTION LIMIT 17",
        f"COMMENT ON DATABASE {name} IS 'it''s \"ours\" \\ ünïcode; DROP TABLE x'",
        f'ALTER DATABASE {name} SET search_path TO "$user", "a, ""b", public',
        f"ALTER DATABASE {name} SET work_mem TO '7MB'",
        f"ALTER DATABASE {name} SET my.setting TO 'a ''b'' \\ c, d'",
        f"ALTER ROLE {role} IN DATABASE {name} SET statement_timeout TO '30s'",
        f"ALTER ROLE {role} IN DATABASE {name} SET search_path TO ''",
    )
    before = case.rows(BELONGING.format(case.name))
    with case.driver().snapshot(60) as snapshot:
        written = snapshot.settings()

    # As after a swap: another database has the name, and none of it.
    case.server.execute(f'ALTER DATABASE {name} RENAME TO {name[:-1]}_old"')
    case.server.execute(f"CREATE DATABASE {name} OWNER {role}")
    assert case.rows(BELONGING.format(case.name)) != before
    case.server.execute(*filter(None, written.decode().split(";\n")))

    assert case.rows(BELONGING.format(case.name)) == before


def test_a_database_without_any_has_few(case: Case) -> None:
    with case.driver().snapshot(60) as snapshot:
        lines = snapshot.settings().decode().splitlines()

    assert lines[-2:] == [
        f'ALTER DATABASE "{case.name}" OWNER TO "{case.role}";',
        f'ALTER DATABASE "{case.name}" CONNECTION LIMIT -1;',
    ]


@pytest.mark.parametrize(
    ("kept", "meant"),
    [
        ('"$user", public', ["$user", "public"]),
        ('""', [""]),
        ("a", ["a"]),
        ('"a, ""b""",c', ['a, "b"', "c"]),
        ("x;DROP/**/TABLE/**/y", ["x;DROP/**/TABLE/**/y"]),
        ('a, ""', ["a", ""]),
        ("", [""]),
    ],
)
def test_a_list_of_names_is_read_as_the_server_reads_it(kept: str, meant: list[str]) -> None:
    assert elements(kept) == meant


def test_roles_come_without_passwords(case: Case) -> None:
    with case.driver().snapshot(60) as snapshot:
        roles = snapshot.roles().decode()

    assert f'CREATE ROLE "{case.role}"' in roles
    assert "LOGIN" in roles
    assert "PASSWORD 'SCRAM" not in roles
    assert "SCRAM-SHA" not in roles


def test_roles_that_we_may_not_read_are_none(case: Case) -> None:
    case.server.execute("REVOKE SELECT ON pg_auth_members FROM PUBLIC", name=case.name)

    with case.driver().snapshot(60) as snapshot:
        assert snapshot.roles() == b""
        assert snapshot.fingerprint().rows == 0
