"""A check that does as it is told, and what every check must do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.model.check import CheckResult
from lastgood.model.noun import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lastgood.ports.check import Check

# What a loaded machine may add to a time limit before it counts as not kept.
GRACE_S = 20.0
LONGEST_ERROR = 400
HOSTILE_INSTANCES = ("", "\x00", "nonsense", "http://", "http://[::1", "http://h:99999", "ftp://h")


@dataclass
class ScriptedCheck:
    """Answers as it is told, as slowly as it is told, and remembers what it was asked.

    Attributes:
        takes_s: how long each look takes.
        breaks: raise, as a broken driver does.
        versions: what each instance answers; others answer `version`.
        asked: the instances asked, None for the configured address; oldest first.
        most_running: how many looks ran at a time at most.
    """

    name: str = "home"
    ok: bool = True
    version: str | None = None
    takes_s: float = 0.0
    breaks: bool = False
    versions: dict[str, str | None] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    closed: int = 0

    @property
    def names_version(self) -> bool:
        """Whether a good answer says which version answered."""
        return self.version is not None or bool(self.versions)

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once."""
        self.asked.append(instance)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.running -= 1
        if self.breaks:
            raise RuntimeError("this driver is broken")
        return CheckResult(
            name=self.name,
            address=instance or f"http://{self.name}/",
            at=datetime.now(UTC),
            ok=self.ok,
            status="200" if self.ok else "500",
            version=self.versions.get(instance, self.version) if instance else self.version,
            error=None if self.ok else "answered 500, expected 200 to 299",
        )

    async def close(self) -> None:
        """Count how often it was closed."""
        self.closed += 1


@dataclass(frozen=True, kw_only=True)
class CheckCase:
    """One check for the conformance suite.

    Attributes:
        make: makes it, as the configuration would.
        ok: what a look must come to; None when either is right.
        limit_s: its configured time limit.
        secrets: texts that its options hold and nothing may show.
        spoil: what the other side does between two looks.
    """

    make: Callable[[], Check]
    ok: bool | None
    limit_s: float
    secrets: tuple[str, ...] = ()
    spoil: Callable[[], Awaitable[None]] | None = None


async def check_conforms(case: CheckCase) -> CheckResult:
    """Hold a check to its port; gives the first result.

    Raises:
        AssertionError: it does not do what every check must.
    """
    check = case.make()
    first = await _looked(check, case, None)
    _demand(case.ok is None or first.ok is case.ok, f"ok is {first.ok}: {first.error}")
    if first.ok and not check.names_version:
        _demand(first.version is None, "it says a version and does not say so beforehand")
    looks = await asyncio.gather(*(_looked(check, case, None) for _ in range(3)))
    _demand(len(looks) == 3, "looks side by side")  # noqa: PLR2004 - as many as were asked
    for instance in HOSTILE_INSTANCES:
        await _looked(check, case, instance)
    if case.spoil is not None:
        await case.spoil()
        await _looked(check, case, None)
    await _stopped_midway(check)
    await check.close()
    await check.close()
    return first


async def _looked(check: Check, case: CheckCase, instance: str | None) -> CheckResult:
    begun = time.monotonic()
    async with asyncio.timeout(case.limit_s + GRACE_S):
        result = await check.probe(instance)
    _demand(time.monotonic() - begun < case.limit_s + GRACE_S, "a look ends in time")
    written = to_json(result)
    _demand(from_json(written, CheckResult) == result, "a result can be kept and read again")
    for secret in case.secrets:
        _demand(secret not in written + repr(result), "a result shows a secret")
    _demand(result.ok is (result.error is None), "a result has an error or is ok")
    for text in (result.error, result.version, result.status, result.address):
        _demand(text is None or text.isprintable(), f"one harmless line, not {text!r}")
    _demand(len(result.error or "") <= LONGEST_ERROR, "an error is a line, not a page")
    _demand(result.at.tzinfo is UTC, "the time of a look is UTC")
    return result


async def _stopped_midway(check: Check) -> None:
    """A cancelled look must end, and leave a check that can look again."""
    looking = asyncio.create_task(check.probe())
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait([looking], timeout=GRACE_S)
    _demand(looking.done(), "a cancelled look ends")


def _demand(holds: bool, what: str) -> None:  # noqa: FBT001 - what must hold
    if not holds:
        raise AssertionError(what)
