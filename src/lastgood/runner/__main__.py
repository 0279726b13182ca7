"""`python -m lastgood.runner`: started by a command with the runner's lock in its hands."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from lastgood.app.runs.running import work_until_idle
from lastgood.errors import LastgoodError


def main() -> None:
    """Work until idle."""
    parser = argparse.ArgumentParser(prog="lastgood.runner")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--env", required=True)
    parser.add_argument("--linger", type=float, default=1.0)
    parser.add_argument("--lock-fd", type=int, required=True)
    given = parser.parse_args()
    # Children must not keep the lock alive when this process is gone.
    os.set_inheritable(given.lock_fd, False)  # noqa: FBT003 - positional only
    # The terminal's hang-up and Ctrl-C are not for a process that outlives the terminal.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    working = work_until_idle(given.config, given.env, given.lock_fd, given.linger)
    try:
        asyncio.run(working)
    except LastgoodError as error:
        # Only the log is there to read it; whoever follows a run starts the next runner.
        sys.exit(f"{datetime.now(UTC).isoformat()} the runner ends: {error}")


if __name__ == "__main__":
    main()
