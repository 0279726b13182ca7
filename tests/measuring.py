"""How much memory a module needs that runs in a process of its own; it ends by `tell_peak`."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEBIBYTE = 1 << 20


def fresh(mebibytes: int) -> Iterator[bytes]:
    """Fresh bytes, so that nothing shares its memory with anything."""
    for _ in range(mebibytes):
        yield secrets.token_bytes(MEBIBYTE)


def tell_peak() -> None:
    """From /proc: what getrusage says begins with the size of the process that started this."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    sys.stdout.write(line.split()[1])


def peak(module: str, *words: str) -> int:
    """The peak memory of a module, in KiB."""
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        check=True,
        capture_output=True,
        text=True,
        timeout=110,
    )
    return int(done.stdout)
