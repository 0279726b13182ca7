"""Where lastgood keeps its own state, and that it is not where a rollback would overwrite it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationInfo, WithJsonSchema, model_validator

from lastgood.config.fault import mistake
from lastgood.config.reading import Reading
from lastgood.config.secret import Secret

_MEND = "write sqlite:///.lastgood/state.db, or postgresql://user:password@host/name"
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


def server_of(dsn: str) -> tuple[str, int, str] | None:
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
    host = unquote(query.get("host", [parts.hostname or ""])[-1]).lower().rstrip(".")
    if host in _LOCAL or host.startswith("/"):
        host = "localhost"
    text = query.get("port", [str(port or 5432)])[-1]
    name = query.get("dbname", [unquote(parts.path.removeprefix("/"))])[-1]
    name = name or unquote(parts.username or "")
    return host, int(text) if text.isdigit() else 5432, name


StateSchema = WithJsonSchema({"type": "string", "pattern": "^(sqlite:///|postgres(ql)?://|\\$\\{)"})
