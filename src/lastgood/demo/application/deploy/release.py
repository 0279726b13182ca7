"""Build an immutable release directory of a service, or put a built one live.

Usage: release.py build|live backend|frontend

Reads DEPLOY_ROOT (where the services live) and GITHUB_SHA (the commit being deployed).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

# What each service's release is made of, seen from the repository's root, and where it says
# which commit it is.
SOURCES = {"backend": "backend", "frontend": "frontend/site"}
IDENTITY = {"backend": "release.json", "frontend": "version.json"}


def build(service: str, place: Path, commit: str) -> None:
    """Copy the service into its release directory; one that exists already stays as it is."""
    mistake = Path(service) / "build-error.txt"
    if mistake.exists():
        sys.exit(f"the {service} does not build: {mistake.read_text(encoding='utf-8').strip()}")
    release = place / "releases" / commit
    if release.exists():
        return
    release.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its final place, so that a build that was cut short never looks like a release.
    unfinished = Path(tempfile.mkdtemp(prefix=".building-", dir=release.parent))
    try:
        shutil.copytree(SOURCES[service], unfinished, dirs_exist_ok=True)
        version = (Path(service) / "VERSION").read_text(encoding="utf-8").strip()
        identity = {"commit": commit, "version": version}
        (unfinished / IDENTITY[service]).write_text(json.dumps(identity), encoding="utf-8")
        unfinished.chmod(0o755)
        unfinished.rename(release)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def put_live(place: Path, commit: str) -> None:
    """Point `current` at the release, in one step that no reader can see half done."""
    release = place / "releases" / commit
    if not release.is_dir():
        sys.exit(f"{release} was never built")
    new = place / f".current-{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(Path("releases") / commit)
    new.replace(place / "current")


def main() -> None:
    """Do the one act that the arguments name."""
    act, service = sys.argv[1:]
    place = Path(os.environ["DEPLOY_ROOT"]) / service
    commit = os.environ["GITHUB_SHA"]
    if act == "build":
        build(service, place, commit)
    else:
        put_live(place, commit)


if __name__ == "__main__":
    main()
