"""kill -9 of runner, guard, child and everything, everywhere in a plan that only writes lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent / "harness.py"
KILLED = -9


@pytest.mark.linux
@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", ["first", "left", "last", "settle"])
def test_whatever_is_killed_wherever_the_next_runner_ends_it_as_if_nothing_had_been(
    step: str, tmp_path: Path
) -> None:
    finished = subprocess.run(
        [sys.executable, HARNESS, tmp_path, step],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    ends = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(ends) >= (4 if step == "settle" else 15)
    for end in ends:
        place = end["place"]
        assert end["outcome"] == "recovered", end
        assert set(end["steps"]) == {"done"}, end
        assert sorted(end["effects"]) == ["first", "last", "left", "right"], end
        assert (end["effects"][0], end["effects"][-1]) == ("first", "last"), end
        assert end["locked_by"] is None, end
        assert end["alive"] == [], end
        assert end["guards"] == [], end
        assert end["ends"] == 1, end
        # A runner that was not killed itself gets over the rest without another one.
        runner_dies = "effect, " not in place or "runner" in place
        after_the_end = place == "settle:after end_run" or "release" in place
        assert end["codes"] == ([KILLED, 0] if runner_dies else [0]) or after_the_end, end
