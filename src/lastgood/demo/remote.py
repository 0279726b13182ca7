"""The bare repository that people push to, and the clone that the application is made in."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from lastgood.demo.layout import SERVICES, clean_environment
from lastgood.errors import ChildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lastgood.demo.layout import Layout

# Only a note is left: a push must not wait for a deployment, nor fail with it.
HOOK = """#!/bin/sh
while read -r old new ref; do
    case "$new" in *[!0]*) ;; *) continue ;; esac
    [ "$ref" = refs/heads/main ] || continue
    printf '%s\\n' "$new" > "$PWD/../deployer/queue/.$new"
    mv "$PWD/../deployer/queue/.$new" "$PWD/../deployer/queue/$new.$$"
done
"""

FAULT = "backend/app/fault.json"
MIGRATION = "backend/migrations/versions/no_email.py"

# What a team would never review in so many words: a column goes, and half of the names with it.
DESTRUCTIVE = """\
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_column("users", "email")
    op.execute("UPDATE users SET name = '?' || id WHERE id % 2 = 0")


def downgrade() -> None:
    raise NotImplementedError("what was dropped is gone")
"""


def git(directory: Path, *arguments: str) -> str:
    """Run git without the user's own settings and return what it prints.

    Raises:
        ChildError: git failed.
    """
    environment = clean_environment() | {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "The shop's team",
        "GIT_AUTHOR_EMAIL": "team@shop.invalid",
        "GIT_COMMITTER_NAME": "The shop's team",
        "GIT_COMMITTER_EMAIL": "team@shop.invalid",
    }
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ChildError(f"git {arguments[0]} failed", cause=done.stderr.strip(), code="demo-git")
    return done.stdout


def create(layout: Layout) -> None:
    """Make the bare remote with its hook, and a clone that holds the application, uncommitted."""
    git(layout.root, "init", "--quiet", "--bare", "--initial-branch=main", str(layout.remote))
    git(layout.remote, "config", "uploadpack.allowFilter", "true")
    hook = layout.remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK, encoding="utf-8")
    hook.chmod(0o755)
    git(layout.root, "init", "--quiet", "--initial-branch=main", str(layout.work))
    git(layout.work, "remote", "add", "origin", str(layout.remote))
    with as_file(files("lastgood.demo") / "application") as application:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(application, layout.work, dirs_exist_ok=True, ignore=ignored)


def commit(
    layout: Layout,
    services: Iterable[str],
    fault: Mapping[str, object] | None,
    fail_job: str | None,
    *,
    destroys: bool = False,
) -> str:
    """As `prepare`, and push it: it is deployed."""
    made = prepare(layout, services, fault, fail_job, destroys=destroys)
    push(layout, made)
    return made


def prepare(
    layout: Layout,
    services: Iterable[str],
    fault: Mapping[str, object] | None,
    fail_job: str | None,
    *,
    destroys: bool = False,
) -> str:
    """Commit the next version on top of what is on main now, and return the commit.

    Args:
        layout: where the production lies.
        services: whose version number goes up.
        fault: what is wrong with the backend from this commit on; None heals it.
        fail_job: the job of the workflow that fails on this commit, if any.
        destroys: whether it carries a migration that damages the database.
    """
    if git(layout.work, "ls-remote", "origin", "refs/heads/main"):
        git(layout.work, "fetch", "--quiet", "origin", "main")
        git(layout.work, "reset", "--quiet", "--hard", "FETCH_HEAD")
    versions = [f"{service} {_raise_version(layout, service)}" for service in services]
    _plant(layout.work / FAULT, json.dumps(fault) if fault else None)
    _plant(layout.work / MIGRATION, DESTRUCTIVE if destroys else None)
    for service in SERVICES:
        mistake = "a bracket is missing\n" if service == fail_job else None
        _plant(layout.work / service / "build-error.txt", mistake)
    git(layout.work, "add", "--all")
    git(layout.work, "commit", "--quiet", "--message", f"Release {', '.join(versions)}")
    return git(layout.work, "rev-parse", "HEAD").strip()


def push(layout: Layout, commit: str) -> None:
    """Push a commit to main: from now on it is deployed."""
    git(layout.work, "push", "--quiet", "origin", f"{commit}:refs/heads/main")


def _raise_version(layout: Layout, service: str) -> str:
    path = layout.work / service / "VERSION"
    major, minor, patch = path.read_text(encoding="utf-8").strip().split(".")
    version = f"{major}.{minor}.{int(patch) + 1}"
    path.write_text(version + "\n", encoding="utf-8")
    return version


def _plant(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(text, encoding="utf-8")
