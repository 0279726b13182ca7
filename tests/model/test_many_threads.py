from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_kind_is_read_for_the_first_time_by_many_threads_at_once() -> None:
    """In a process of its own, since it is the process that would be gone."""
    script = Path(__file__).with_name("many_threads.py")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, check=False, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
