"""Which client programs are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.database.postgres.client import programs
from lastgood.drivers.database.postgres.client.programs import choose, places, programs_in
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server


def installation(folder: Path, version: str, *names: str) -> Path:
    """Stand-ins that say a version; which one is taken is all that is asked of them."""
    folder.mkdir(parents=True)
    for name in names or ("pg_dump", "pg_restore", "pg_dumpall"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n", "utf-8")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("server", "version"), [(14, "14.2"), (15, "16.1"), (16, "16.1"), (17, "18.0"), (18, "18.0")]
)
def test_the_same_version_else_the_next_newer(tmp_path: Path, server: int, version: str) -> None:
    folders = [installation(tmp_path / v, v) for v in ("18.0", "14.2", "13.9", "16.1")]

    assert choose(server, folders).version == version


def test_of_equals_the_first_is_taken(tmp_path: Path) -> None:
    folders = [installation(tmp_path / name, "16.1") for name in ("b", "a")]

    assert choose(16, folders).folder == folders[0]


def test_older_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as error:
        choose(17, [installation(tmp_path / "a", "16.4 (Debian 16.4-1)")])

    assert error.value.code == "client-too-old"
    assert "17" in error.value.mend


def test_none_is_said_with_what_to_install(tmp_path: Path) -> None:
    half = installation(tmp_path / "half", "16.1", "pg_dump")
    broken = installation(tmp_path / "broken", "unknown")

    with pytest.raises(RefusedError) as error:
        choose(16, [half, broken, tmp_path / "absent"])

    assert error.value.code == "client-missing"
    assert "postgresql-client-16" in error.value.mend


def test_where_they_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = installation(tmp_path / "path", "16.1")
    wrapped = tmp_path / "wrapped"
    wrapped.mkdir()
    (tmp_path / "pg_wrapper").touch()
    (wrapped / "pg_dump").symlink_to(tmp_path / "pg_wrapper")
    debian = installation(tmp_path / "debian" / "17" / "bin", "17.2")
    monkeypatch.setenv("PATH", f"relative:{wrapped}:{on_path}")
    monkeypatch.setattr(programs, "DEBIAN", tmp_path / "debian")

    found = list(places(None))

    assert found[:2] == [on_path, debian]
    assert programs_in(found[-1]) is not None  # the embedded ones
    assert list(places(debian)) == [debian]


def test_a_newer_client_is_a_warning(
    debian: Server, embedded: Server, case_on: Callable[..., Case]
) -> None:
    case = case_on(debian)
    case.execute("CREATE TABLE t AS SELECT 1 AS n")
    driver = case.driver(programs=embedded.programs / "bin")

    facts = driver.facts()
    with driver.snapshot(60) as snapshot:
        before = snapshot.fingerprint()
        driver.restore("one", snapshot.dump())

    assert [problem.code for problem in facts.problems] == ["client-newer"]
    assert facts.client_version.startswith("16.")
    assert driver.fingerprint("one") == before


def test_an_older_client_is_refused(debian: Server, embedded_case: Case) -> None:
    driver = embedded_case.driver(programs=debian.programs / "bin")

    with pytest.raises(RefusedError, match="older than the server") as error:
        driver.facts()
    with pytest.raises(RefusedError), driver.snapshot(60):
        pass

    assert error.value.code == "client-too-old"


def test_what_a_dump_is_compressed_with(tmp_path: Path, embedded: Server, debian: Server) -> None:
    for server in (embedded, debian):
        found = programs_in(server.programs / "bin")
        assert found is not None
        assert found.compression == "gzip"

    able = installation(tmp_path / "able", "17.1")
    (able / "pg_dump").write_text(
        '#!/bin/sh\necho "pg_dump (PostgreSQL) 17.1: cannot reach $2"\n', "utf-8"
    )
    found = programs_in(able)
    assert found is not None
    assert found.compression == "zstd"
