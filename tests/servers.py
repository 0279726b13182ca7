"""PostgreSQL servers that tests own: real ones, unprivileged, without a port."""

from __future__ import annotations

import contextlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import make_conninfo

from lastgood.demo.database import SETTINGS, UNPRIVILEGED, _linked, _open_to_all, is_root

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a password may hold and a password file, a service file or a shell would trip over.
PASSWORD = r"p:a\s's @w/o%r#d" + '"'
ACCESS = "local all postgres trust\nlocal all all scram-sha-256\n"


@dataclass
class Server:
    """A server that runs unprivileged, without a port."""

    programs: Path
    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        if is_root():
            shutil.chown(self.home, UNPRIVILEGED)
        data = str(self.home / "data")
        self._run(
            *("initdb", "-D", data, "--no-sync", "--no-instructions", "--username=postgres"),
            *("--auth=trust", "--encoding=UTF8", "--locale=C"),
        ).wait(60)
        (self.home / "data" / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")

    def start(self) -> None:
        arguments = [
            word
            for name, value in (SETTINGS | self.settings).items()
            for word in ("-c", f"{name}={value}")
        ]
        data = str(self.home / "data")
        place = f"unix_socket_directories={self.home}"
        self.process = self._run("postgres", "-D", data, *arguments, "-c", place)
        for _ in range(600):
            with contextlib.suppress(psycopg.OperationalError), self.superuser():
                return
            assert self.process.poll() is None, (self.home / "log").read_text("utf-8")
            time.sleep(0.1)
        raise AssertionError((self.home / "log").read_text("utf-8"))

    def stop(self, how: int = signal.SIGQUIT) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)

    def superuser(self, name: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.dsn(name), autocommit=True)

    def dsn(self, name: str, user: str = "postgres", **more: str) -> str:
        return make_conninfo(host=str(self.home), dbname=name, user=user, **more)

    def execute(self, *statements: str, name: str = "postgres") -> None:
        with self.superuser(name) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        who: dict[str, Any] = {}
        if is_root():
            found = pwd.getpwnam(UNPRIVILEGED)
            who = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self.programs / "bin" / program), *arguments],
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **who,
            )


@contextlib.contextmanager
def running(programs: Path, **settings: str) -> Iterator[Server]:
    # Short: the path of a socket has at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="lg-pg-"))
    try:
        home.chmod(0o755)
        if is_root() and not _open_to_all(programs):
            programs = _linked(programs, home / "programs")
        server = Server(programs, home, settings)
        server.create()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(home)
