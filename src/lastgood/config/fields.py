"""The kinds of values that settings and drivers' options are made of."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema

from lastgood.config.fault import mistake
from lastgood.config.reading import Reading, Referred
from lastgood.config.secret import maskable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_REACHABLE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", re.ASCII)
NAME_PATTERN = r"^(?!.*\.\.)(?!.*\.(lock)?$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or ".." in text or text.endswith((".", ".lock")):
        raise mistake(
            f"{text[:70]!r} cannot be a name",
            "use letters, digits, `-`, `_` and single full stops, beginning with a letter or digit",
        )
    return text


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    if str(path).startswith("~"):
        raise mistake("`~` is not replaced", "write the whole path, or ${HOME}/...")
    if "\0" in str(path):
        raise mistake("this is no path", "write a path without a NUL character")
    if isinstance(info.context, Reading):
        return Path(os.path.normpath(info.context.folder / path))
    return path


def _url(text: str, info: ValidationInfo) -> str:
    mend = "write it as https://host/path"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise mistake(f"this is no address: {error}", mend) from None
    blank = any(sign.isspace() for sign in text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or blank or port == 0:
        raise mistake("this is no http or https address", mend)
    if isinstance(info.context, Reading) and parts.password:
        info.context.secrets.update(maskable(text))
    return text


def _reachable(text: str) -> str:
    most = 65_535
    if not _REACHABLE.fullmatch(text) or not 0 < int(text.rpartition(":")[2]) <= most:
        raise mistake(f"{text[:70]!r} is no address", "write it as host:port, e.g. 192.0.2.1:53")
    return text


def _argv(words: Any) -> Any:  # noqa: ANN401 - whatever was written
    mend = "write a list: [program, argument, ...]"
    if isinstance(words, str):
        raise mistake("a command is a list of words, never a line for a shell", mend)
    if isinstance(words, list | tuple):
        if any(isinstance(word, Referred) for word in words):
            raise mistake(
                "a reference in a command would show in the process list",
                "take it out, and let the command read it from a file of its own: commands get "
                "none of the shell's variables but HOME, PATH, SSH_AUTH_SOCK and the like",
            )
        if not words or not isinstance(words[0], str) or not words[0].strip():
            raise mistake("the command names no program", mend)
        return tuple(str(word) if type(word) in {int, float} else word for word in words)
    return words


Name = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})
]
"""The name of an environment, service, check...: fit for a git ref, a file name, a terminal."""

ConfigPath = Annotated[Path, AfterValidator(_from_folder), WithJsonSchema({"type": "string"})]
"""A path; a relative one starts at the configuration file's folder."""

Url = Annotated[
    str, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
"""An http or https address."""

Reachable = Annotated[
    str,
    AfterValidator(_reachable),
    WithJsonSchema({"type": "string", "pattern": ":[0-9]{1,5}$"}),
]
"""An address as `host:port`, an IPv6 host in brackets."""

Argv = Annotated[
    tuple[str, ...],
    BeforeValidator(_argv),
    WithJsonSchema({"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}),
]
"""A command as program and arguments; it runs in the configuration file's folder, without shell."""
