"""A fault that a release carries: for how many of the users, and of which kind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """What is wrong with this release.

    Attributes:
        kind: none, errors (500), latency (slow answers), crash (the process ends at its start)
            or unhealthy (/health says so).
        share: the part of the users who meet it, 0 to 1; a user meets it always or never.
        seconds: how slow the slow answers are.
    """

    kind: str = "none"
    share: float = 1.0
    seconds: float = 3.0

    @classmethod
    def read(cls, path: Path) -> Fault:
        """Read the fault that the release was built with; no file means no fault."""
        if not path.exists():
            return cls()
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def crash_at_start(self) -> None:
        """End the process at once, as a bad import or setting would."""
        if self.kind == "crash":
            os._exit(1)

    def meets(self, user: str) -> bool:
        """Tell whether this user is among those who meet the fault."""
        place = int.from_bytes(hashlib.sha256(user.encode()).digest()[:8], "big")
        return place < self.share * 2**64

    async def strike(self, user: str) -> None:
        """Fail or delay the request of a user who meets the fault.

        Raises:
            HTTPException: 500, for the kind "errors".
        """
        if self.kind not in {"errors", "latency"} or not self.meets(user):
            return
        if self.kind == "errors":
            raise HTTPException(500, "the release is faulty")
        await asyncio.sleep(self.seconds)
