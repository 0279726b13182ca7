"""Schemas of real applications go there and back: backup, restore, swap, undo.

They are read where Debian's packages put them, and skipped where they are not; nothing of theirs is
kept here. LASTGOOD_SCHEMAS names another folder than the root, so that none need be installed:
`apt-get download PACKAGE`, then `dpkg -x PACKAGE*.deb FOLDER`.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.drivers.database.postgres.kept_copy import BACKUP, COPY, free
from tests.drivers.database.postgres.test_content import AWKWARD
from tests.drivers.database.postgres.test_swapping import QUARANTINED, dumped, without_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.database.postgres.conftest import Case
    from tests.servers import Server

ROOT = Path(os.environ.get("LASTGOOD_SCHEMAS", "/"))
PATIENCE_S = 60.0
_ROWS = re.compile(r"(?<= FROM stdin;\n).*?(?=\n\\\.$)", re.DOTALL | re.MULTILINE)


class Application(NamedTuple):
    """Where a package keeps the SQL that makes its database.

    Attributes:
        extensions: what its administrator is told to make first.
    """

    package: str
    files: tuple[str, ...]
    extensions: tuple[str, ...] = ()


APPLICATIONS = [
    Application(
        "zabbix-server-pgsql",
        tuple(f"usr/share/zabbix-server-pgsql/{n}.sql.gz" for n in ("schema", "images", "data")),
    ),
    Application("roundcube-core", ("usr/share/roundcube/SQL/postgres.initial.sql",)),
    Application("icinga2-ido-pgsql", ("usr/share/icinga2-ido-pgsql/schema/pgsql.sql",)),
    Application("icingadb", ("usr/share/icingadb/schema/pgsql/schema.sql",), ("citext",)),
    Application(
        "bacula-director-pgsql",
        ("usr/share/dbconfig-common/data/bacula-director-pgsql/install/pgsql",),
    ),
    Application("ejabberd", ("usr/share/ejabberd/sql/pg.new.sql",)),
    Application("kea-admin", ("usr/share/kea/scripts/pgsql/dhcpdb_create.pgsql",)),
    Application("tt-rss", ("usr/share/tt-rss/schema/ttrss_schema_pgsql.sql",)),
    Application("request-tracker5", ("usr/share/request-tracker5/etc/schema.Pg",)),
    Application("mediawiki", ("usr/share/mediawiki/maintenance/postgres/tables-generated.sql",)),
]
# A row in each table that takes one without being told a value; the others stay as they are.
FILLED = """
    DO $$ DECLARE one regclass; BEGIN
        FOR one IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        LOOP BEGIN
            EXECUTE format('INSERT INTO %s DEFAULT VALUES', one);
        EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$"""
LATER = (
    "CREATE TABLE written_later AS SELECT 1 AS n",
    "CREATE SEQUENCE counted_later",
    "SELECT nextval('counted_later')",
)


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda one: one.package)
def test_a_real_schema_goes_there_and_back(
    application: Application, request: pytest.FixtureRequest, case_on: Callable[..., Case]
) -> None:
    files = [ROOT / file for file in application.files]
    if not all(file.exists() for file in files):
        pytest.skip(f"{application.package} is not there: apt-get download {application.package}")
    # The server from PyPI comes without PostgreSQL's own extensions.
    server: Server = request.getfixturevalue("debian" if application.extensions else "embedded")
    case = case_on(server)
    case.execute(*(f"CREATE EXTENSION {name}" for name in application.extensions))
    for file in files:
        load(case, read(file))
    case.execute(FILLED)

    there_and_back(case)


def test_a_schema_of_our_own_goes_there_and_back(
    server: Server, case_on: Callable[..., Case]
) -> None:
    first, case = case_on(server), case_on(server)
    first.execute(AWKWARD)
    # How casts are written changes when they are read for the first time, and then no more.
    load(case, dumped(first, first.name).replace(first.role, case.role).encode())

    there_and_back(case)


def read(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()


def load(case: Case, text: bytes) -> None:
    """As its administrator does, but for errors, which end it."""
    psql = str(case.server.programs / "bin" / "psql")
    command = [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={case.dsn}"]
    loaded = subprocess.run(
        command, input=text, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert loaded.returncode == 0, loaded.stderr.decode()


def in_order(dump: str) -> str:
    """A dump whose rows are in one order, whichever they lie in."""
    return _ROWS.sub(lambda found: "\n".join(sorted(found[0].splitlines())), dump)


def there_and_back(case: Case) -> None:
    """The restored copy is the original, and after a swap and its undo the live one is as before.

    But for the next numbers of sequences, which go on, so that none is given twice.
    """
    driver = case.driver()
    original = in_order(dumped(case, case.name))
    assert original.count("CREATE TABLE") > 5
    with driver.snapshot(PATIENCE_S) as snapshot:
        content = snapshot.fingerprint()
        driver.restore(BACKUP, snapshot.dump())
    assert driver.fingerprint(BACKUP) == content
    driver.keep(BACKUP)
    assert in_order(dumped(case, f"{case.name}__lgwarm_{BACKUP}")) == original
    case.execute(*LATER)
    live = in_order(dumped(case, case.name))
    assert driver.obstacles(COPY) == []

    swapped = driver.swap(COPY, QUARANTINED.id, 1, fence=free)

    assert swapped.said == ()
    assert without_numbers(in_order(dumped(case, case.name))) == without_numbers(original)
    driver.swap(QUARANTINED, "undo-1", 0, fence=free)
    assert without_numbers(in_order(dumped(case, case.name))) == without_numbers(live)
    assert dumped(case, f"{case.name}__lgq_undo-1").count("CREATE TABLE") > 5
