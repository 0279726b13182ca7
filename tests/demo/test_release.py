"""The application's own build script."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Path]:
    with as_file(files("lastgood.demo") / "application") as template:
        yield shutil.copytree(template, tmp_path / "application")


def release(application: Path, *words: str, commit: str = "c1") -> subprocess.CompletedProcess[str]:
    place = application.parent / "place"
    return subprocess.run(
        [sys.executable, "deploy/release.py", *words],
        cwd=application,
        env={"DEPLOY_ROOT": str(place), "GITHUB_SHA": commit},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_release_directory_is_never_overwritten(application: Path, tmp_path: Path) -> None:
    page = application / "frontend" / "site" / "index.html"
    built = tmp_path / "place" / "frontend" / "releases" / "c1"
    assert release(application, "build", "frontend").returncode == 0
    before = (built / "index.html").read_text(encoding="utf-8")

    page.write_text("something else", encoding="utf-8")
    assert release(application, "build", "frontend").returncode == 0

    assert (built / "index.html").read_text(encoding="utf-8") == before
    assert json.loads((built / "version.json").read_text())["commit"] == "c1"


def test_a_build_that_fails_leaves_no_release(application: Path, tmp_path: Path) -> None:
    (application / "backend" / "VERSION").unlink()

    assert release(application, "build", "backend").returncode == 1

    assert list((tmp_path / "place" / "backend" / "releases").iterdir()) == []


def test_a_mistake_in_the_source_fails_the_build(application: Path) -> None:
    (application / "frontend" / "build-error.txt").write_text("a bracket is missing")

    done = release(application, "build", "frontend")

    assert done.returncode == 1
    assert "a bracket is missing" in done.stderr


def test_only_a_release_that_was_built_goes_live(application: Path, tmp_path: Path) -> None:
    current = tmp_path / "place" / "backend" / "current"
    release(application, "build", "backend")
    assert release(application, "live", "backend").returncode == 0

    assert release(application, "live", "backend", commit="c2").returncode == 1

    assert current.readlink().as_posix() == "releases/c1"
