"""Whether another copy fits on the server's disk: measured, said, or unknown."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.database.postgres.backup.room import is_this
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case

SIDE = "20260801T120000.000Z-0a1b2c3d"
MARGIN = 3_000_000
"""Less than an empty database, more than a catalog grows by itself."""


def taken(case: Case) -> int:
    """What all databases of the server take."""
    found = case.rows("SELECT sum(pg_database_size(oid))::bigint FROM pg_database", "postgres")
    return int(found[0][0])


def dumped(case: Case) -> list[bytes]:
    with case.driver().snapshot(600) as snapshot:
        return list(snapshot.dump())


def test_where_the_server_is_on_this_machine_its_disk_is_measured(case: Case) -> None:
    found = case.driver(dsn=case.server.dsn(case.name)).room()
    disk = os.statvfs(case.server.home)
    assert found.free is not None
    assert 0 < found.free <= disk.f_blocks * disk.f_frsize
    assert found.how == "measured on its disk"
    (size,) = case.rows(f"SELECT pg_database_size('{case.name}')")[0]
    assert found.needed == pytest.approx(size * 1.2, rel=0.05)
    assert found.lacking() == 0


def test_an_ordinary_role_may_be_let_measure(embedded_case: Case) -> None:
    case = embedded_case
    unknown = case.driver().room()
    assert unknown.free is None
    assert "may not ask" in unknown.how
    assert unknown.lacking() == 0
    case.server.execute(f'GRANT pg_read_all_settings TO "{case.role}"')
    measured = case.driver(disk="1MB").room()  # what is measured is known better
    assert measured.how == "measured on its disk"
    by_another = case.driver(disk="1MB", admin_dsn=case.server.dsn("postgres")).room()
    assert by_another.how == "measured on its disk"


@pytest.mark.parametrize(
    "lines",
    [
        ["1", "/data", "1000", "5432"],  # another start: another server whose folder has this name
        ["1", "/data", "5000", "5433"],
        ["1", "/data", "soon", "5432"],
        ["1"],
        [],
    ],
)
def test_a_folder_of_another_server_is_not_taken_for_its_own(
    tmp_path: Path, lines: list[str]
) -> None:
    with pytest.raises(OSError, match="No such file"):
        is_this(tmp_path, 5000.0, "5432")
    (tmp_path / "postmaster.pid").write_text("\n".join(lines))
    assert not is_this(tmp_path, 5000.0, "5432")
    (tmp_path / "postmaster.pid").write_text("1\n/data\n4990\n 5432 \n/tmp\n")
    assert is_this(tmp_path, 5000.5, "5432")


def test_a_copy_that_would_not_fit_is_not_begun(embedded_case: Case) -> None:
    case = embedded_case
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    dump, needed = dumped(case), case.driver().room().needed
    small = case.driver(disk=taken(case) + needed - MARGIN)

    with pytest.raises(RefusedError) as refused:
        small.restore(SIDE, iter(dump))
    assert refused.value.code == "no-room"
    assert f"{needed:,} bytes" in refused.value.cause
    assert "proof_dsn" in refused.value.mend
    assert case.databases() == {case.name}

    large = case.driver(disk=taken(case) + needed + MARGIN)
    large.restore(SIDE, iter(dump))
    assert large.sides() == [SIDE]

    # Elsewhere there is another disk.
    proof = {"proof_dsn": case.server.dsn("postgres")}
    case.driver(disk=1, **proof).restore(f"{SIDE}.elsewhere", iter(dump))
    case.driver(**proof).drop(f"{SIDE}.elsewhere")


def test_a_copy_is_not_kept_where_the_next_one_would_not_fit(embedded_case: Case) -> None:
    case = embedded_case
    case.execute("CREATE TABLE users AS SELECT n AS id FROM generate_series(1, 10) n")
    dump, needed, before = dumped(case), case.driver().room().needed, taken(case)
    once = case.driver(disk=before + needed + MARGIN)
    once.restore(SIDE, iter(dump))
    assert "no room to prove the next" in once.why_unkept()

    # Room for two: what stands is given back when a newer one takes its place.
    twice = case.driver(disk=before + 2 * needed + MARGIN)
    assert twice.why_unkept() == ""
    twice.keep(SIDE)
    newer = SIDE.replace("2026", "2027", 1)
    twice.restore(newer, iter(dump))
    assert twice.room().lacking() > 0
    assert twice.why_unkept() == ""


def test_what_cannot_be_seen_is_not_counted_as_nothing(embedded_case: Case) -> None:
    case = embedded_case
    hidden = f"{case.name}_hidden"
    case.server.execute(
        f"CREATE DATABASE {hidden}", f"REVOKE CONNECT ON DATABASE {hidden} FROM PUBLIC"
    )
    found = case.driver(disk="1MB").room()
    assert found.free is None
    assert "how large" in found.how
    case.server.execute(f'GRANT pg_read_all_stats TO "{case.role}"')
    assert case.driver(disk="1MB").room().free == 0
