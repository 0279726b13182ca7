"""Where the parts of one miniature production lie and listen."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import sysconfig
from dataclasses import asdict, dataclass
from pathlib import Path

from lastgood.errors import RefusedError
from lastgood.process.environment import inherited

INSTANCES = ("backend-1", "backend-2")
SERVICES = ("backend", "frontend")


@dataclass(frozen=True)
class Layout:
    """The places and ports of one production; every one of its processes reads the same.

    Attributes:
        root: everything that people look at: releases, logs, the remote, the configuration.
        home: a short path under /tmp for what root's path may be too long or too closed for:
            the Unix sockets (107 bytes at most) and the database, which runs unprivileged.
        edge_port: the loopback port of the edge.
        instance_ports: the loopback ports of the backend's instances.
        traffic_rate: requests per second of the traffic.
        traffic_users: how many distinct users the traffic comes from.
    """

    root: Path
    home: Path
    edge_port: int
    instance_ports: tuple[int, int]
    traffic_rate: float
    traffic_users: int

    @property
    def edge_url(self) -> str:
        """The address that users reach."""
        return f"http://127.0.0.1:{self.edge_port}"

    @property
    def instances(self) -> list[str]:
        """The backend's instances, reached directly."""
        return [f"http://127.0.0.1:{port}" for port in self.instance_ports]

    @property
    def database_home(self) -> Path:
        """The directory of the database's data and Unix socket."""
        return self.home / "database"

    @property
    def database_dsn(self) -> str:
        """The application's database."""
        return self.dsn("shop")

    @property
    def supervisor_socket(self) -> Path:
        """Where the supervisor takes its commands."""
        return self.home / "supervisor.sock"

    @property
    def remote(self) -> Path:
        """The bare repository that people push to."""
        return self.root / "remote.git"

    @property
    def work(self) -> Path:
        """The clone in which the application is developed."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def access_log(self) -> Path:
        """The edge's access log, one JSON object per line."""
        return self.logs / "access.json"

    @property
    def backups(self) -> Path:
        """Where the database's backups are kept."""
        return self.root / "backups"

    @property
    def requests(self) -> Path:
        """What the traffic met, one line per request."""
        return self.root / "traffic" / "requests.txt"

    @property
    def restart_backend(self) -> Path:
        """The command that restarts the backend's instances one at a time."""
        return self.root / "bin" / "restart-backend"

    def dsn(self, database: str) -> str:
        """Address a database of the production's server."""
        return f"postgresql://postgres@/{database}?host={self.database_home}"

    def service(self, name: str) -> Path:
        """The directory that holds a service's releases and its symlink `current`."""
        return self.root / name

    def live_commit(self, service: str) -> str | None:
        """The commit that `current` names, or None before the first deployment."""
        try:
            return (self.service(service) / "current").readlink().name
        except FileNotFoundError:
            return None

    @property
    def alias(self) -> Path:
        """A symlink to the root, without the odd names that a path to it may have."""
        return self.home / "root"

    def log(self, process: str) -> Path:
        """The log of one of the supervised processes."""
        return self.logs / f"{process}.log"

    def make_directories(self) -> None:
        """Make every directory that the parts expect."""
        self.alias.symlink_to(self.root)
        for name in ("bin", "config", "logs", "traffic", "deployer/queue", "deployer/status"):
            (self.root / name).mkdir(parents=True)
        for service in SERVICES:
            (self.service(service) / "releases").mkdir(parents=True)

    def write_restart_command(self) -> None:
        """Write the executable that restarts the backend."""
        command = shlex.join(
            [sys.executable, "-P", "-m", "lastgood.demo.instances", str(self.root)]
        )
        self.restart_backend.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
        self.restart_backend.chmod(0o755)

    def save(self) -> None:
        """Write the layout into the root, for the production's other processes."""
        record = asdict(self) | {"root": str(self.root), "home": str(self.home)}
        unfinished = self.root / ".production.json"
        unfinished.write_text(json.dumps(record), encoding="utf-8")
        unfinished.replace(layout_file(self.root))

    @classmethod
    def load(cls, root: Path) -> Layout:
        """Read the layout of the production at `root`.

        Raises:
            RefusedError: there is no production.
        """
        try:
            record = json.loads(layout_file(root).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RefusedError(
                f"there is no miniature production at {root}",
                mend="name the directory that `lastgood demo --keep` printed",
                code="no-production",
            ) from None
        record["root"], record["home"] = Path(record["root"]), Path(record["home"])
        record["instance_ports"] = tuple(record["instance_ports"])
        return cls(**record)


def layout_file(root: Path) -> Path:
    """The file that marks a directory as a miniature production."""
    return root / "production.json"


def project_folder(root: Path) -> Path:
    """Where the `lastgood.yaml` for a production lies, and lastgood's state beside it."""
    return root / "project"


def tool(name: str) -> str:
    """Find a program that the `demo` extra installs.

    Raises:
        RefusedError: it is not installed.
    """
    found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if found is None:
        raise RefusedError(
            f"{name} is not installed",
            cause="the miniature production needs the parts of the extra 'demo'",
            mend="pip install 'lastgood[demo]'",
            code="demo-parts-missing",
        )
    return found


def clean_environment() -> dict[str, str]:
    """The environment of the production's processes: a release directory gains no bytecode."""
    return inherited({"PYTHONDONTWRITEBYTECODE": "1"})
