"""Looking around: which services there are, and what is known of each."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from lastgood.app.initial import folders
from lastgood.app.initial.origin import read_origin
from lastgood.app.initial.surroundings import Guess, Part, Surroundings
from lastgood.config.options import GitPath, Name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.app.initial.surroundings import Origin

SERVICES = ("backend", "frontend", "api", "web")
HOSTED = (Path("/srv"), Path("/var/www"), Path("/opt"))
"""Where releases are commonly kept on a host."""
_LONGEST_NAME = 63
_MOST_PARTS = 20


async def look_around(folder: Path, hosted: Sequence[Path] = HOSTED) -> Surroundings:
    """Read a folder, its repository and the places where releases are kept; changes nothing.

    Args:
        folder: where `init` was run.
        hosted: folders below which a project's releases may be.
    """
    origin = await read_origin(folder)
    project = _project(folder, origin)
    parts = _parts(folder, origin)
    places = _Places(folder, project.value, hosted, alone=len(parts) == 1)
    return Surroundings(
        folder=folder,
        project=project,
        origin=origin,
        parts=tuple(replace(part, releases=places.of(part)) for part in parts),
        hints=tuple(folders.hints(folder)),
    )


def _project(folder: Path, origin: Origin) -> Guess:
    if origin.remote is not None:
        last = re.split(r"[/:]", origin.remote.value.rstrip("/"))[-1].removesuffix(".git")
        named = _as_name(last)
        if named:
            return Guess(named, "the name of the repository")
    named = _as_name(folder.name)
    return Guess(named or "project", "the name of this folder" if named else "any name will do")


def _as_name(text: str) -> str:
    """The nearest text that can be a name; empty when nothing of it is left."""
    named = re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(r"\.{2,}", ".", text))
    named = named.strip("-._")[:_LONGEST_NAME].rstrip("-._").removesuffix(".lock")
    return named if _is_valid(Name, named) else ""


def _parts(folder: Path, origin: Origin) -> list[Part]:
    """The folders that look like services; else the whole, when it can be deployed somehow."""
    found = [_part(folder, name, origin) for name in SERVICES if (folder / name).is_dir()]
    names = {part.name for part in found}
    found += [
        Part(name=name, why=f"the folder {name}/ holds releases")
        for name in sorted(_child_names(folder))
        if name not in names and folders.has_releases(folder / name) and _is_valid(Name, name)
    ]
    if found:
        return found[:_MOST_PARTS]
    if origin.remote is None and not folders.has_releases(folder) and not folders.marker(folder):
        return []
    return [_whole(folder, origin)]


def _part(folder: Path, name: str, origin: Origin) -> Part:
    marker = folders.marker(folder / name)
    return Part(
        name=name,
        why=f"the folder {name}/ is here" + (f", with {marker}" if marker else ""),
        paths=_in_repository(folder / name, origin),
        migrations=_migrations(folder / name, origin),
        health=_health(folder, folder / name),
    )


def _whole(folder: Path, origin: Origin) -> Part:
    top = origin.top
    paths = _in_repository(folder, origin) if top and not _same(folder, top) else None
    return Part(
        name="app",
        why="there is no folder backend/, frontend/, api/ or web/, so all of it is one service",
        paths=paths,
        migrations=_migrations(folder, origin),
        health=_health(folder, folder),
    )


def _health(folder: Path, within: Path) -> Guess | None:
    found = folders.health_route(within)
    if found is None or within == folder:
        return found
    return Guess(found.value, f"{within.name}/{found.why}")


def _migrations(within: Path, origin: Origin) -> Guess | None:
    found = folders.migrations(within)
    path = _in_repository(Path(found.value), origin) if found else None
    return Guess(path, found.why) if found and path else None


def _in_repository(path: Path, origin: Origin) -> str | None:
    """A path from the repository's root, where it can be written as one."""
    if origin.top is None:
        return None
    within = os.path.relpath(os.path.realpath(path), os.path.realpath(origin.top))
    return within if within.isprintable() and _is_valid(GitPath, within) else None


class _Places:
    """The folders in which a service's releases may be, nearest first."""

    def __init__(self, folder: Path, project: str, hosted: Sequence[Path], *, alone: bool) -> None:
        self._folder = folder
        near = [folder, folder.parent]
        far = [base / name for base in hosted for name in (project, project.lower())]
        self._above = [*near, *far]
        self._direct = [*near, *far] if alone else []

    def of(self, part: Part) -> Guess | None:
        """The folder of a service's releases."""
        for place in [*(above / part.name for above in self._above), *self._direct]:
            if folders.has_releases(place) and str(place).isprintable():
                why = "it holds releases/ and the symlink current"
                return Guess(self._written(place), why)
        return None

    def _written(self, place: Path) -> str:
        within = place == self._folder or self._folder in place.parents
        text = str(place.relative_to(self._folder)) if within else str(place)
        return f"./{text}" if text.startswith("~") else text


def _child_names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir() if entry.is_dir()]
    except OSError:
        return []


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _is_valid(kind: Any, text: str) -> bool:  # noqa: ANN401 - an annotated type
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True
