from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.demo.layout import Layout


class Eventually(Protocol):
    def __call__(self, true: Callable[[], object], seconds: float = 40) -> None: ...


@pytest.fixture
def eventually() -> Eventually:
    """Wait until something is true; fail when it never becomes so."""

    def wait(true: Callable[[], object], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it never became true"
            time.sleep(0.02)

    return wait


@pytest.fixture
def left_of() -> Callable[[Layout], list[str]]:
    """What of a production is still there: files, and processes that mention one of its paths."""

    def look(layout: Layout) -> list[str]:
        places = [layout.root, layout.home]
        found = [str(place) for place in places if place.exists()]
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                said += os.fsencode((process / "cwd").readlink())
                if int(process.name) != os.getpid() and any(
                    os.fsencode(place) in said for place in places
                ):
                    found.append(f"{process.name}: {said[:200]!r}")
        return found

    return look
