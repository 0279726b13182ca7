"""Reading a project's folders for what a rollback would need to know of them."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.app.initial.surroundings import Guess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_FILES = 5_000
MOST_SECONDS = 5.0
LARGEST_FILE = 256 * 1024
_DEEPEST = 8
_NOT_OURS = frozenset(
    {"node_modules", "venv", "env", "site-packages", "dist", "build", "target", "vendor"}
    | {"__pycache__", "coverage", "tests", "test", "__tests__", "releases", "current"}
)
_SOURCE = (".py", ".js", ".mjs", ".cjs", ".ts")
# `@app.get("/health")`, `@app.route('/health')`, `app.get('/health', ...)`, `router.use(...)`
_ROUTE = re.compile(
    r"""(?<![\w.])@?[A-Za-z_]\w*(?:\.\w+)*\.(?:get|route|api_route|all|use)"""
    r"""\(\s*["'`](/[A-Za-z0-9_./-]{0,100})["'`]"""
)
_HEALTH = (
    *("health", "healthz", "healthcheck", "health-check", "_health", "ready", "readyz"),
    *("readiness", "live", "livez", "liveness", "alive", "ping", "up", "status"),
)
"""Last words of such a route, the likeliest first."""

_MARKERS = ("pyproject.toml", "requirements.txt", "package.json", "Gemfile", "go.mod", "pom.xml")
_HINTS = (
    *("Dockerfile", "Containerfile", "compose.yaml", "compose.yml", "docker-compose.yml"),
    *("docker-compose.yaml", "Procfile", "fly.toml", "render.yaml", "vercel.json"),
)


def marker(folder: Path) -> str | None:
    """The file that shows in which language a folder is written."""
    return next((name for name in _MARKERS if (folder / name).is_file()), None)


def hints(folder: Path) -> list[str]:
    """Files that tell a person how this is deployed; we only name them."""
    found = [name for name in _HINTS if (folder / name).is_file()]
    workflows = folder / ".github" / "workflows"
    names = sorted(_names(workflows))[:20]
    return found + [f".github/workflows/{n}" for n in names if n.endswith((".yml", ".yaml"))]


def has_releases(folder: Path) -> bool:
    """Whether a folder holds `releases/` and a symlink `current` that leads into it."""
    link, releases = folder / "current", folder / "releases"
    try:
        if not link.is_symlink() or not releases.is_dir():
            return False
        real = Path(os.path.realpath(folder / link.readlink()))
        return real.parent == Path(os.path.realpath(releases))
    except OSError:
        return False


def migrations(folder: Path) -> Guess | None:
    """The folder that holds Alembic's `env.py`, the nearest one."""
    for path in _files(folder):
        if path.name == "env.py" and (path.parent / "versions").is_dir():
            return Guess(str(path.parent), "env.py and versions/ are in it, as Alembic has them")
    return None


def health_route(folder: Path) -> Guess | None:
    """A route that sounds like a health check, by a plain search in the source text."""
    best: tuple[int, Guess] | None = None
    for path in _files(folder):
        if not path.name.endswith(_SOURCE):
            continue
        for match, line in _routes(path):
            rank = _rank(match)
            if rank is not None and (best is None or rank < best[0]):
                best = rank, Guess(match, f"{path.relative_to(folder)}, line {line}")
    return best[1] if best else None


def _rank(route: str) -> int | None:
    last = route.rstrip("/").rpartition("/")[2].lower()
    return _HEALTH.index(last) if last in _HEALTH else None


def _routes(path: Path) -> Iterator[tuple[str, int]]:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE).decode(errors="replace")
    except OSError:
        return
    for match in _ROUTE.finditer(text):
        yield match[1], text.count("\n", 0, match.start()) + 1


def _files(folder: Path) -> Iterator[Path]:
    """The project's own files, nearest first and in order; a huge project is not read wholly."""
    deadline = time.monotonic() + MOST_SECONDS
    seen = 0
    level: Sequence[Path] = [folder]
    for _ in range(_DEEPEST):
        below: list[Path] = []
        for place in level:
            for name in sorted(_names(place)):
                seen += 1
                if seen > MOST_FILES or time.monotonic() > deadline:
                    return
                path = place / name
                if path.is_symlink():
                    continue  # it may lead anywhere
                if path.is_dir():
                    if name not in _NOT_OURS and not name.startswith("."):
                        below.append(path)
                elif path.is_file():
                    yield path
        level = below


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return []
