"""The one process that deploys: python -m lastgood.demo.deployer ROOT.

It takes the commits that the remote's hook queued, in order, and runs the application's own
workflow for each on this machine. A job's file leaves the queue only when its status is written,
so a deployer that was killed begins the same job again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.demo.layout import Layout, clean_environment, tool
from lastgood.demo.remote import git

if TYPE_CHECKING:
    from collections.abc import Iterable

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Deployment:
    """What became of one commit that was pushed.

    Attributes:
        commit: the commit.
        outcome: running, deployed or failed.
        jobs: the result of each job of the workflow that ran: success or failure.
        started_at: when the workflow began, in seconds since 1970.
        finished_at: when it ended; None while it runs.
        log: the workflow's output, JSON lines.
    """

    commit: str
    outcome: str
    jobs: dict[str, str]
    started_at: float
    finished_at: float | None
    log: str


def read_status(layout: Layout, commit: str) -> Deployment | None:
    """Return what is known of a commit's deployment, None before it begins."""
    try:
        return Deployment(**json.loads(_status_path(layout, commit).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def waiting(layout: Layout) -> list[Path]:
    """Return the queued jobs' files, the oldest first."""
    queue = layout.root / "deployer" / "queue"
    jobs = [path for path in queue.iterdir() if not path.name.startswith(".")]
    return sorted(jobs, key=lambda path: path.stat().st_mtime_ns)


def _status_path(layout: Layout, commit: str) -> Path:
    return layout.root / "deployer" / "status" / f"{commit}.json"


def _write_status(layout: Layout, deployment: Deployment) -> None:
    path = _status_path(layout, deployment.commit)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(deployment)), encoding="utf-8")
    unfinished.replace(path)


def _deploy(layout: Layout, commit: str) -> None:
    log = layout.logs / f"deployment-{commit}.log"
    started = time.time()
    _write_status(layout, Deployment(commit, "running", {}, started, None, str(log)))
    # Not below the root: the tools of a workflow stumble over the odd names of a path.
    run = layout.home / "deployment"
    shutil.rmtree(run, ignore_errors=True)
    source = run / "source"
    run.mkdir()
    git(run, "clone", "--quiet", "--no-checkout", "--shared", str(layout.remote), str(source))
    git(source, "checkout", "--quiet", "-B", "main", commit)
    with log.open("w", encoding="utf-8") as output:
        code = _run_workflow(layout, run, source, output.fileno())
    with log.open(encoding="utf-8", errors="replace") as lines:
        jobs = _job_results(lines)
    shutil.rmtree(run)
    outcome = "deployed" if code == 0 else "failed"
    _write_status(layout, Deployment(commit, outcome, jobs, started, time.time(), str(log)))


def _run_workflow(layout: Layout, run: Path, source: Path, output: int) -> int:
    # A home and a cache of the run's own: act leaves folders there when it fails or is killed.
    home = run / "home"
    home.mkdir()
    path = os.pathsep.join(
        [
            str(layout.alias / "bin"),
            str(Path(sys.executable).parent),
            os.environ.get("PATH", os.defpath),
        ]
    )
    environment = clean_environment() | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PATH": path,
        "DEPLOY_ROOT": str(layout.alias),
        "DATABASE_URL": layout.database_dsn,
    }
    command = [
        *(tool("act"), "push", "--platform", "ubuntu-latest=-self-hosted"),
        *("--directory", str(source), "--workflows", ".github/workflows/deploy.yml"),
        *("--no-cache-server", "--json"),
    ]
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        check=False,
    ).returncode


def _job_results(lines: Iterable[str]) -> dict[str, str]:
    results = {}
    for line in lines:
        if '"jobResult"' not in line:
            continue
        record = json.loads(line)
        results[record["jobID"]] = record["jobResult"]
    return results


def main() -> None:
    """Deploy what is queued, for ever."""
    layout = Layout.load(Path(sys.argv[1]))
    with (layout.root / "deployer" / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        while True:
            jobs = waiting(layout)
            for job in jobs:
                _deploy(layout, job.read_text(encoding="utf-8").strip())
                job.unlink()
            if not jobs:
                time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
