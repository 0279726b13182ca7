"""Where a remote is, and what two remotes have in common."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = re.compile(r"(?:[^@/]+@)?([^:/\[\]]+|\[[^\]]+\]):(?!//)(.*)")


@dataclass(frozen=True, kw_only=True)
class Address:
    """A remote's address, without its password.

    Attributes:
        url: what git is given; a path is absolute.
        is_path: whether it is a folder on this machine.
        is_ssh: whether ssh is what talks to it.
        settings: git settings that carry the login past the process list.
        identity: equal for two ways to write the same remote; shows no secret.
    """

    url: str
    is_path: bool
    is_ssh: bool
    settings: tuple[tuple[str, str], ...]
    identity: str

    @property
    def key(self) -> str:
        """A file name for what belongs to this remote."""
        name = re.sub(r"[^A-Za-z0-9]+", "-", self.identity).strip("-")[-40:]
        return f"{name}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"


def read_address(text: str, base: Path) -> Address:
    """Read what the configuration says; relative paths start at `base`."""
    if "://" in text:
        return _read_url(text)
    short = _SHORT.fullmatch(text)
    if short:
        return Address(
            url=text,
            is_path=False,
            is_ssh=True,
            settings=(),
            identity=_identity(short[1], short[2]),
        )
    path = os.path.realpath(base / os.path.expanduser(text))  # noqa: PTH111 - one string in, one out
    return Address(url=path, is_path=True, is_ssh=False, settings=(), identity=path)


def _read_url(text: str) -> Address:
    parts = urlsplit(text)
    settings: tuple[tuple[str, str], ...] = ()
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme in {"http", "https"} and "@" in parts.netloc:
        # On the command line every user of this machine could read it; a name may be a token.
        text = parts._replace(netloc=host).geturl()
        name, place = unquote(parts.username or ""), f"{parts.scheme}://{host}"
        if parts.password is None:
            settings = ((f"credential.{place}.username", name),)
        else:
            login = base64.b64encode(f"{name}:{unquote(parts.password)}".encode()).decode()
            settings = ((f"http.{place}/.extraHeader", f"Authorization: Basic {login}"),)
    identity = parts.path if parts.scheme == "file" else _identity(parts.hostname or "", parts.path)
    return Address(
        url=text,
        is_path=False,
        is_ssh=parts.scheme == "ssh",
        settings=settings,
        identity=identity,
    )


def _identity(host: str, path: str) -> str:
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}"
