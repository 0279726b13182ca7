"""A server whose disk is really full: a small one in memory, which only root may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups.proving import speaks_against
from lastgood.demo.database import UNPRIVILEGED, is_root
from lastgood.errors import ChildError, LastgoodError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

ROWS = (
    "CREATE TABLE noise (n int PRIMARY KEY, t text)",
    "INSERT INTO noise SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 8000) n",
    "CREATE INDEX ON noise (t)",
)


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of 64 MiB; in memory it takes what is written to it."""
    if not is_root() or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    # Not below pytest's own folder, which is root's alone: the server is not.
    folder = Path(tempfile.mkdtemp(prefix="lg-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "small", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        folder.rmdir()
        pytest.skip("no disk may be mounted here")
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def free(disk: Path) -> int:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


@pytest.mark.linux
def test_a_restore_on_a_full_disk(
    embedded: Server, case_on: Callable[..., Case], disk: Path
) -> None:
    place, filler = disk / "tables", disk / "filler"
    place.mkdir()
    shutil.chown(place, UNPRIVILEGED)
    embedded.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    case = case_on(embedded, like="TABLESPACE small")
    embedded.execute(f'GRANT CREATE ON TABLESPACE small TO "{case.role}"')
    case.execute(*ROWS)
    with case.driver().snapshot(60) as snapshot:
        dump = list(snapshot.dump())
    # A new database's files have holes until then.
    embedded.execute("CHECKPOINT")
    before = free(disk)
    case.driver().restore("one", dump)
    needed = before - free(disk)
    case.driver().drop("one")

    faults = list[LastgoodError]()
    # It fills while the database is made, while rows are loaded, while indexes are.
    for share in (0.1, 0.5, 0.8):
        embedded.execute("CHECKPOINT")
        faults.append(_filled(case, dump, filler, disk, int(needed * share)))

    assert [type(fault) for fault in faults] == [RemoteError, ChildError, ChildError]
    case.driver().restore("one", dump)
    assert case.driver().fingerprint("one") == case.driver().fingerprint("one")
    case.driver().drop("one")
    embedded.execute(f'DROP DATABASE "{case.name}"', "DROP TABLESPACE small")


def _filled(case: Case, dump: list[bytes], filler: Path, disk: Path, room: int) -> LastgoodError:
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free(disk) - room)
    with pytest.raises(LastgoodError) as error:
        case.driver().restore("one", dump)
    filler.unlink()

    said = error.value.cause or ""
    assert "No space left on device" in said or "free disk space" in said
    assert not speaks_against(error.value)
    assert case.databases() == {case.name}
    assert not case.children()
    assert not case.private()
    return error.value
