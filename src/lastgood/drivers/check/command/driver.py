"""Runs a program; its exit code says whether all is well."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from lastgood.errors import LastgoodError
from lastgood.model.check import CheckResult
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from lastgood.drivers.check.command.options import CommandOptions
    from lastgood.ports.children import Finished
    from lastgood.ports.toolbox import Toolbox

LONGEST_ERROR = 300
LONGEST_VERSION = 200


class CommandCheck:
    """One program that must say that all is well."""

    def __init__(self, options: CommandOptions, toolbox: Toolbox) -> None:
        self._options = options
        self._toolbox = toolbox

    @property
    def names_version(self) -> bool:
        """Whether what it prints says which version answered."""
        return self._options.version is not None and self._options.version.stdout

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once; an instance's address is given to the program as `LASTGOOD_INSTANCE`."""
        at = datetime.now(UTC)
        started = time.perf_counter()
        env = {} if instance is None else {"LASTGOOD_INSTANCE": instance.replace("\0", "")}
        try:
            finished = await self._toolbox.children.run(
                self._options.command,
                timeout=self._options.timeout,
                cwd=self._toolbox.base,
                env=env,
                check=False,
            )
        except LastgoodError as error:
            words = f"{error.message}: {error.cause}" if error.cause else error.message
            return self._result(at, instance, error=_line(words))
        latency_ms = (time.perf_counter() - started) * 1000
        version = _line(_first(finished.stdout))[:LONGEST_VERSION] if self.names_version else ""
        return self._result(
            at,
            instance,
            status=f"exit {finished.returncode}",
            latency_ms=latency_ms,
            version=version or None,
            error=_why(finished),
        )

    async def close(self) -> None:
        """Nothing is held between looks."""

    def _result(
        self,
        at: datetime,
        instance: str | None,
        *,
        status: str | None = None,
        latency_ms: float | None = None,
        version: str | None = None,
        error: str | None = None,
    ) -> CheckResult:
        program = PurePath(self._options.command[0]).name
        return CheckResult(
            name=self._toolbox.name,
            address=_line(program if instance is None else f"{program} {instance}"),
            at=at,
            ok=error is None,
            status=status,
            latency_ms=latency_ms,
            version=version,
            error=error,
        )


def _why(finished: Finished) -> str | None:
    if finished.returncode == 0:
        return None
    said = _line(_last(finished.stderr) or _last(finished.stdout))
    if finished.returncode < 0:
        return _line(f"ended by signal {-finished.returncode}" + (f": {said}" if said else ""))
    return _line(f"exit code {finished.returncode}" + (f": {said}" if said else ""))


def _first(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _line(text: str) -> str:
    text = " ".join(harmless(text).split())
    return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}..."
