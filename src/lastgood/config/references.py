"""`${NAME}` and `${file:/path}`: values that stand outside the file."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LARGEST_FILE = 64 * 1024
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FILE = "file:"


@dataclass(frozen=True)
class Expansion:
    """A text with its references replaced.

    Attributes:
        values: what the references stood for: to be masked in output.
        faults: what is wrong and its mend, for each reference that could not be replaced; it
            stays in the text as written.
    """

    text: str
    values: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)


class UnresolvedError(Exception):
    """A reference leads nowhere."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


def has_reference(text: str) -> bool:
    """Whether anything in the text would be replaced."""
    return "${" in text.replace("$${", "")


def expand(text: str, environ: Mapping[str, str], folder: Path) -> Expansion:
    """Replace each reference once; what comes in is not looked through again.

    `$${` gives a literal `${`.

    Args:
        text: as it stands in the file.
        environ: the variables.
        folder: where the relative path of a file reference starts.
    """
    values: list[str] = []
    faults: list[tuple[str, str]] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        try:
            value = _value(match[1], environ, folder)
        except UnresolvedError as unresolved:
            faults.append((unresolved.what, unresolved.mend))
            return match[0]
        values.append(value)
        return value

    replaced = _REFERENCE.sub(replace, text)
    return Expansion(replaced, values, faults)


def _value(name: str | None, environ: Mapping[str, str], folder: Path) -> str:
    if name is not None and name.startswith(_FILE):
        return _from_file(name.removeprefix(_FILE), folder)
    if name is None or not _NAME.fullmatch(name):
        raise UnresolvedError(
            "there is a `${` without a name and a closing brace",
            "write ${NAME} or ${file:/path}, or $${ for a literal ${",
        )
    value = environ.get(name, "")
    if not value:
        state = "empty" if name in environ else "not set"
        raise UnresolvedError(f"the variable {name} is {state}", f"set it: export {name}=...")
    return value


def _from_file(name: str, folder: Path) -> str:
    path = folder / name
    mend = "write the secret into it and let this user read it"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnresolvedError(f"{path} is no plain file", "name a file")
        with path.open("rb") as handle:
            content = handle.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise UnresolvedError(f"the file {path} cannot be read: {reason}", mend) from None
    if len(content) > LARGEST_FILE:
        raise UnresolvedError(f"the file {path} is larger than 64 KiB", "name the secret's file")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UnresolvedError(f"the file {path} is not UTF-8 text", mend) from None
    if not text.strip():
        raise UnresolvedError(f"the file {path} is empty", mend)
    if "\0" in text:
        raise UnresolvedError(f"the file {path} holds a NUL character", mend)
    return text
