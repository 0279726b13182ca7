"""From the command to proven healthy in the demo, beside the five minutes that a rollback has."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

METHODS = ("artifact", "tree")
PATIENCE_S = 600.0


def rows() -> Iterator[Row]:
    """A whole demo for each method."""
    for method in METHODS:
        ended = subprocess.run(
            [sys.executable, "-m", "lastgood", "demo", "--json", "--quiet", "--method", method],
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        if ended.returncode:
            sys.stderr.write(
                f"the demo by {method} ended with {ended.returncode}: {ended.stderr}\n"
            )
            continue
        document = json.loads(ended.stdout)
        what = f"demo by {method}: command to proven healthy"
        yield Row(what, document["seconds"], "the budget", document["budget_s"])
