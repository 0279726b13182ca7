"""An observation: all that was seen of an environment at one time."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.check import CheckResult, Health, HealthState
from lastgood.model.noun import Noun
from lastgood.model.signal import Signal


class ServiceView(Noun, frozen=True, kw_only=True):
    """What answers for one service.

    Attributes:
        live: the commit that the deploy driver says runs; None when it cannot tell.
        answering: version per instance or address, None where it names none.
        recorded: the newest deployment in the ledger.
        live_since: when the live release was deployed, by the ledger.
    """

    name: str
    live: str | None = None
    answering: dict[str, str | None] = {}
    recorded: str | None = None
    live_since: datetime | None = None
    problem: str | None = None


class Observation(Noun, frozen=True, kw_only=True):
    """Everything that judging rests on.

    Attributes:
        healths: the standing of each check, by name.
        results: newest result of each check.
        signals: newest value of each signal.
        services: what runs, by service.
        check_services: the services that each check belongs to.
        connectivity: whether this machine could reach anything at all; None when not asked.
    """

    environment: str
    at: datetime
    healths: dict[str, Health] = {}
    results: tuple[CheckResult, ...] = ()
    signals: tuple[Signal, ...] = ()
    services: dict[str, ServiceView] = {}
    check_services: dict[str, tuple[str, ...]] = {}
    connectivity: bool | None = None

    @property
    def failing(self) -> tuple[str, ...]:
        """The names of the checks that are believed to fail."""
        return tuple(n for n, h in self.healths.items() if h.state is HealthState.FAILING)

    @property
    def healthy(self) -> bool:
        """Whether every check is believed to be healthy."""
        return all(h.state is HealthState.HEALTHY for h in self.healths.values())
