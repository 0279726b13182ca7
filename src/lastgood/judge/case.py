"""A case: all that one verdict may rest on, with what can be believed of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.model.check import Health, HealthState
from lastgood.model.signal import USERS_AFFECTED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lastgood.model.observation import Observation
    from lastgood.model.policy import Policy
    from lastgood.model.release import Release
    from lastgood.model.signal import Signal
    from lastgood.model.statement import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """The inputs of a verdict."""

    policy: Policy
    statement: Statement
    observation: Observation | None
    releases: Sequence[Release]
    now: datetime

    @property
    def blind(self) -> bool:
        """Whether this machine could reach nothing, so that what it saw says nothing."""
        return self.observation is not None and self.observation.connectivity is False

    @property
    def seen(self) -> Observation | None:
        """The observation, unless this machine was blind when it was made."""
        return None if self.blind else self.observation

    @property
    def healths(self) -> dict[str, Health]:
        """The checks' standings, without those whose failure is this machine's own fault."""
        if self.seen is None:
            return {}
        return {
            name: health
            for name, health in self.seen.healths.items()
            if not (health.last is not None and health.last.own_fault)
        }

    @property
    def failing(self) -> dict[str, Health]:
        """The checks that are believed to fail."""
        return {n: h for n, h in self.healths.items() if h.state is HealthState.FAILING}

    def showing(self, what: str) -> dict[str, Health]:
        """The failing checks whose last look showed this, e.g. `corruption`."""
        return {
            n: h for n, h in self.failing.items() if h.last is not None and h.last.shows == what
        }

    @property
    def healthy(self) -> bool:
        """Whether there are checks and every one of them is believed to be healthy."""
        states = {health.state for health in self.healths.values()}
        return states == {HealthState.HEALTHY}

    @property
    def down(self) -> bool:
        """Whether there are checks and every one of them is believed to fail."""
        return bool(self.healths) and len(self.failing) == len(self.healths)

    @property
    def share(self) -> Signal | None:
        """The measured share of users affected, when it has an interval and is fresh."""
        signal = self.share_signal
        if signal is None or signal.low is None or signal.high is None:
            return None
        age = self.age_s(signal)
        return signal if age is not None and age <= self.policy.fresh_within_s else None

    @property
    def share_signal(self) -> Signal | None:
        """The signal of users affected, whatever it is worth."""
        signals = self.seen.signals if self.seen is not None else ()
        return next((s for s in signals if s.name == USERS_AFFECTED), None)

    def age_s(self, signal: Signal) -> float | None:
        """How old a signal's newest entry is now: its age when read, and the time since then."""
        if signal.age_s is None or self.seen is None:
            return None
        return signal.age_s + max(0.0, (self.now - self.seen.at).total_seconds())

    @property
    def affected_services(self) -> tuple[str, ...]:
        """The services that failing checks belong to."""
        if self.seen is None:
            return ()
        belongs = self.seen.check_services
        return tuple(sorted({s for name in self.failing for s in belongs.get(name, ())}))

    @property
    def divided(self) -> tuple[str, ...]:
        """The services whose instances answer different versions, in words.

        A check of one address sees one of them: all checks are healthy, and half of the users are
        served by another release. Abbreviated versions are no others.
        """
        found = []
        for name, view in (self.seen.services if self.seen is not None else {}).items():
            voices = sorted({version for version in view.answering.values() if version})
            if any(not voice.startswith(voices[0]) for voice in voices):
                found.append(f"instances of {name} answer different versions: {', '.join(voices)}")
        return tuple(found)

    def checks_of(self, service: str) -> dict[str, Health]:
        """The standings of a service's checks."""
        if self.seen is None:
            return {}
        belongs = self.seen.check_services
        return {n: h for n, h in self.healths.items() if service in belongs.get(n, ())}
