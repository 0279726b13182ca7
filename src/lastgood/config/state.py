"""Where lastgood keeps its own state, and that it is not where a rollback would overwrite it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationInfo, WithJsonSchema, model_validator

from lastgood.config.fault import mistake
from lastgood.config.reading import Reading
from lastgood.config.secret import Secret

_MEND = "write sqlite:///.lastgood/state.db, or postgresql://user:password@host/name"
_URL = re.compile(r"(postgres(?:ql)?(?:\+\w+)?://(?:[^@/?#]*@)?)([^/?#]*)(.*)", re.DOTALL)
_PORT = 5432
Server = tuple[str, int, str]
"""Host, port and name of a PostgreSQL database."""
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}


class StateAddress(BaseModel):
    """The address of the state.

    Attributes:
        url: with everything that is needed to connect; a SQLite path is absolute.
        path: the SQLite file; None for PostgreSQL.
        server: `host:port/name` of PostgreSQL; None for SQLite.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    kind: Literal["sqlite", "postgresql"]
    url: Secret
    path: Path | None = None
    server: str | None = None

    @property
    def shown(self) -> str:
        """The address without user, password and parameters."""
        return f"postgresql://{self.server}" if self.server else f"sqlite:///{self.path}"

    def __str__(self) -> str:
        return self.shown

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, written: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was written
        if not isinstance(written, str):
            if isinstance(written, dict) and isinstance(written.get("url"), str | Secret):
                return written
            raise mistake("the state needs an address", _MEND)
        folder = info.context.folder if isinstance(info.context, Reading) else Path()
        if written.startswith("sqlite:///"):
            return _sqlite(written.removeprefix("sqlite:///"), folder)
        server = server_of(written)
        if server is None:
            raise mistake("the state's address is neither sqlite:/// nor postgresql://", _MEND)
        host, port, name = server
        return {"kind": "postgresql", "url": written, "server": f"{host}:{port}/{name}"}


def _sqlite(name: str, folder: Path) -> dict[str, object]:
    if not name or name.endswith("/") or "?" in name or "\0" in name or ":memory:" in name:
        raise mistake("the state's address names no file that lasts", _MEND)
    path = Path(os.path.normpath(folder / name))
    return {"kind": "sqlite", "url": Secret(f"sqlite:///{path}"), "path": path}


def servers_of(dsn: str) -> frozenset[Server]:
    """Every server that a database's DSN may lead to.

    libpq takes several hosts in one URL, and `host=... dbname=...` in place of a URL.
    """
    url = _URL.fullmatch(dsn)
    if url is not None:
        each = (server_of(f"{url[1]}{host}{url[3]}") for host in url[2].split(","))
        return frozenset(filter(None, each))
    try:
        words = dict(word.split("=", 1) for word in shlex.split(re.sub(r"\s*=\s*", "=", dsn)))
    except ValueError:
        return frozenset()
    name = words.get("dbname") or words.get("user", "")
    hosts = words.get("host", words.get("hostaddr", "")).split(",")
    ports = words.get("port", "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return frozenset(_server(*one, name) for one in zip(hosts, ports, strict=False))


def server_of(dsn: str) -> Server | None:
    """Host, port and database name of a PostgreSQL address; None when it is none.

    The names of this machine are one host, since a database may be reached by each of them.
    """
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        return None
    query = parse_qs(parts.query)
    host = unquote(query.get("host", [parts.hostname or ""])[-1])
    text = query.get("port", [str(port or "")])[-1]
    name = query.get("dbname", [unquote(parts.path.removeprefix("/"))])[-1]
    return _server(host, text, name or unquote(parts.username or ""))


def _server(host: str, port: str, name: str) -> Server:
    host = host.lower().rstrip(".")
    if host in _LOCAL or host.startswith("/"):
        host = "localhost"
    return host, int(port) if port.isdecimal() else _PORT, name


StateSchema = WithJsonSchema({"type": "string", "pattern": "^(sqlite:///|postgres(ql)?://|\\$\\{)"})
