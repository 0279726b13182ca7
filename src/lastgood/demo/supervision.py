"""supervisord: what it runs, and how it is told to start and stop."""

from __future__ import annotations

import contextlib
import http.client
import shlex
import socket
import sys
import xmlrpc.client
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lastgood.demo.database import UNPRIVILEGED, is_root
from lastgood.errors import ChildError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lastgood.demo.layout import Layout

# The supervisor's own numbers for "there is nothing to do".
ALREADY_STARTED = 60
NOT_RUNNING = 70

# The last argument of its calls that start and stop.
WAITING, WITHOUT_WAITING = True, False


@dataclass(frozen=True)
class Program:
    """One process that the supervisor keeps running.

    Attributes:
        name: the name it is started and stopped by, and its log's name.
        command: the argument list.
        directory: where it starts; a symlink is followed anew at each start.
        environment: added to the supervisor's own.
        at_once: whether it starts with the supervisor.
        stop_signal: what asks it to end.
        unprivileged: whether it must not run as root.
    """

    name: str
    command: list[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    at_once: bool = True
    stop_signal: str = "TERM"
    unprivileged: bool = False


def write_configuration(layout: Layout, programs: list[Program]) -> list[str]:
    """Write the supervisor's configuration and return the command that runs it."""
    sections = [
        f"[unix_http_server]\nfile={layout.supervisor_socket}\nchmod=0700",
        "[supervisord]\nnodaemon=true\nsilent=true\n"
        f"logfile={layout.alias}/logs/supervisor.log\nlogfile_maxbytes=0\n"
        f"pidfile={layout.home}/supervisor.pid\nchildlogdir={layout.alias}/logs"
        + ("\nuser=root" if is_root() else ""),
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        *(_section(layout, program) for program in programs),
        # One group, so that a shutdown stops everything at the same time.
        "[group:production]\nprograms=" + ",".join(program.name for program in programs),
    ]
    path = layout.root / "config" / "supervisord.conf"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(path)]


def _section(layout: Layout, program: Program) -> str:
    environment = ",".join(
        f"{name}={_plain(shlex.quote(value))}" for name, value in program.environment.items()
    )
    settings = {
        "command": _plain(shlex.join(program.command)),
        "directory": _plain(program.directory),
        "environment": environment,
        "autostart": str(program.at_once).lower(),
        "autorestart": "true",
        "startsecs": "1",
        "stopsignal": program.stop_signal,
        "stopwaitsecs": "4",
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        # By the alias: the supervisor expands this path twice.
        "stdout_logfile": f"{layout.alias}/logs/{program.name}.log",
        "stdout_logfile_maxbytes": "0",
    }
    if program.unprivileged and is_root():
        settings["user"] = UNPRIVILEGED
    lines = [f"{name}={value}" for name, value in settings.items() if value]
    return f"[program:{program.name}]\n" + "\n".join(lines)


def _plain(text: object) -> str:
    # The supervisor expands %(name)s.
    return str(text).replace("%", "%%")


class Supervisor:
    """The running supervisor, reached over its Unix socket."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.supervisor_socket

    def answer(self) -> None:
        """Make sure that the supervisor runs.

        Raises:
            ChildError: it does not answer; worth another try while it starts.
        """
        self._call("supervisor.getState")

    def start(self, program: str) -> None:
        """Start a program; one that runs already is left alone.

        Raises:
            ChildError: it cannot be started, or the supervisor does not answer.
        """
        with contextlib.suppress(_NothingToDo):
            self._call("supervisor.startProcess", f"production:{program}", WITHOUT_WAITING)

    def stop(self, program: str) -> None:
        """Stop a program and wait for its end; one that does not run is left alone.

        Raises:
            ChildError: the supervisor does not answer.
        """
        with contextlib.suppress(_NothingToDo):
            self._call("supervisor.stopProcess", f"production:{program}", WAITING)

    def signal(self, program: str, name: str) -> bool:
        """Send a signal to a program's process; False when it does not run.

        Raises:
            ChildError: the supervisor does not answer.
        """
        try:
            self._call("supervisor.signalProcess", f"production:{program}", name)
        except _NothingToDo:
            return False
        return True

    def pid(self, program: str) -> int:
        """Return the process id of a program, 0 when it does not run."""
        answer: Any = self._call("supervisor.getProcessInfo", f"production:{program}")
        return int(answer["pid"])

    def gives_up(self, program: str) -> bool:
        """Whether a program ended while it started, and is about to be tried again, or no more."""
        answer: Any = self._call("supervisor.getProcessInfo", f"production:{program}")
        return answer["statename"] in {"BACKOFF", "FATAL"}

    def shut_down(self) -> None:
        """Ask the supervisor to stop every program and to end."""
        self._call("supervisor.shutdown")

    def _call(self, method: str, *arguments: object) -> object:
        server = xmlrpc.client.ServerProxy("http://supervisor", _UnixTransport(self._path))
        with server:
            try:
                return getattr(server, method)(*arguments)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode in {ALREADY_STARTED, NOT_RUNNING}:
                    raise _NothingToDo from fault
                raise ChildError(
                    f"the supervisor refused {method}{arguments}", cause=fault.faultString
                ) from fault
            except (OSError, http.client.HTTPException) as error:
                raise ChildError(
                    "the demo's supervisor does not answer",
                    cause=str(error),
                    code="demo-gone",
                    retryable=True,
                ) from error


class _NothingToDo(Exception):  # noqa: N818 - not an error: the state is as wished
    """The program is already in the state that was asked for."""


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ANN401 - typeshed
        connection = _UnixConnection(self._path)
        # Where the base class looks for what it has to close.
        self._connection = host, connection
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
