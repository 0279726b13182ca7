"""The port of the check family: one look at one address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from lastgood.model.check import CheckResult


class Check(Protocol):
    """Looks at one thing and says whether its conditions hold."""

    @property
    def names_version(self) -> bool:
        """Whether a good answer says which version answered."""

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once.

        Never raises for what the other side does: a refusal, a hang, rubbish or gigabytes are a
        result that is not ok. Ends within the configured time limit.

        Args:
            instance: base URL of one instance to ask instead of the configured host, for checks
                that can do so; the path, headers and conditions stay.
        """

    async def close(self) -> None:
        """Give back connections. May be called twice."""
