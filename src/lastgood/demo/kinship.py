"""What Linux offers so that no process outlives those who answer for it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from lastgood.process.guard import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG


def die_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Be sent a signal when the parent dies, also when it died already. Elsewhere: nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), number)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends. Elsewhere: nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
