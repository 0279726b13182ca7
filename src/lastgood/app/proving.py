"""Looking for the proof: what answers, which checks hold, what the signals say since the move."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import structs

from lastgood.app.observing import observer, recorded, telling
from lastgood.app.project import now
from lastgood.errors import LastgoodError
from lastgood.judge.answers import CORRUPTION
from lastgood.model.check import HealthState
from lastgood.model.problem import Problem
from lastgood.model.run import StepState
from lastgood.plan.exchanges import DATA_STAYS
from lastgood.verify.look import ServiceLook
from lastgood.verify.verify import prove, together, verify

if TYPE_CHECKING:
    from datetime import datetime

    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.observation import ServiceView
    from lastgood.model.plan import Move, Step
    from lastgood.model.proof import Proof
    from lastgood.model.run import Run
    from lastgood.model.signal import Signal

MIN_CADENCE_S = 0.1


class Prover:
    """Looks at a run's environment for its `prove` and `verify` steps.

    The checks' standings are shared by all steps of the run: a check that was shown to be healthy
    when its service was proven is only looked at again, not from the start.
    """

    def __init__(self, project: Project, drivers: Drivers, run: Run) -> None:
        self._project = project
        self._drivers = drivers
        self._run = run
        self._observer = observer(project, drivers)
        self._whole: Proof | None = None
        self._services: dict[str, Proof] = {}

    @property
    def newest(self) -> Proof | None:
        """The newest look at the whole; before it came to that, those at single services."""
        return self._whole or together(tuple(self._services.values()))

    @property
    def cadence_s(self) -> float:
        """Seconds between two looks: the quickest that any check asks for during a rollback."""
        checks = self._project.environment.checks.values()
        return max(MIN_CADENCE_S, min((check.during_rollback for check in checks), default=1.0))

    async def look(self, step: Step) -> Proof:
        """Look once, for one service's `prove` step or for the `verify` step of the whole."""
        plan = self._run.plan
        if step.service is None:
            moves, checks = plan.moves, tuple(self._project.environment.checks)
        else:
            moves = (plan.move(step.service),)
            checks = self._project.environment.services[step.service].checks
        await self._observer.prober.once(checks)
        views = await self._observer.views(recorded(self._project), [m.service for m in moves])
        looks = {m.service: await self._service(m, views[m.service]) for m in moves}
        stays = self._damaged() if step.service is None else {}
        healths = {
            name: health
            for name, health in self._observer.prober.healths().items()
            if name in checks and name not in stays
        }
        if step.service is not None:
            alone = prove(moves[0], looks[step.service], healths, now())
            self._services[step.service] = alone
            return alone
        moved_at = self._moved_at()
        whole = verify(
            moves,
            looks,
            healths,
            self._run.before.signals if self._run.before else (),
            await self._signals(moved_at),
            moved_at=moved_at,
            policy=self._project.policy,
            now=now(),
        )
        self._whole = structs.replace(whole, problems=(*whole.problems, *stays.values()))
        return self._whole

    def _damaged(self) -> dict[str, Problem]:
        """The checks that showed damaged data before code alone went back: it cannot mend that.

        They do not keep a release from being proven to be back, and the proof says so.
        """
        before = self._run.before
        if before is None or self._run.plan.exchanges:
            return {}
        return {
            name: Problem(
                code=DATA_STAYS,
                what=f"check {name} showed damaged data before, and the data was left as it is",
                mend="see: lastgood db preview",
            )
            for name, health in before.healths.items()
            if health.state is HealthState.FAILING
            and health.last is not None
            and health.last.shows == CORRUPTION
        }

    async def _service(self, move: Move, view: ServiceView) -> ServiceLook:
        """What answers for a service, and what counts as its target."""
        service = self._project.environment.services[move.service]
        expected = [move.target] if move.drop is None else []
        made = self._made(move)
        if made is not None:
            expected.append(made)
        answers = {answer for answer in (*view.answering.values(), view.live) if answer}
        unknown = answers - set(expected) if move.drop is None else set()
        expected += [answer for answer in unknown if await self._carries_target(move, answer)]
        return ServiceLook(
            service=move.service,
            answering=view.answering,
            expected=tuple(expected),
            names_version=any(self._drivers.checks[n].names_version for n in service.checks),
            tells_current=telling(self._drivers.deployers[move.service]) is not None,
            current=view.live,
            every_instance=service.instances is not None,
        )

    def _made(self, move: Move) -> str | None:
        """The commit that the deploy step made, where it made one."""
        records = self._project.state.journal.steps(self._run.id)
        outcomes = {record.step: record.outcome for record in records}
        outcome = outcomes.get(f"deploy:{move.service}")
        return outcome.detail.get("version") if outcome else None

    async def _carries_target(self, move: Move, answer: str) -> bool:
        """Whether an answering commit carries the target's content: a colleague's later push."""
        deployer = self._drivers.deployers[move.service][move.route]
        try:
            return await deployer.same(answer, move.target)
        except LastgoodError:
            return False  # what cannot be compared is not proof

    def _moved_at(self) -> datetime:
        """When the last service or database was moved, or the last service came back."""
        records = self._project.state.journal.steps(self._run.id)
        ends = [
            record.ended_at
            for record in records
            if record.step.startswith(("deploy:", "swap:", "start:"))
            and record.ended_at is not None
            and record.state is StepState.DONE
        ]
        return max(ends, default=self._run.commanded_at)

    async def _signals(self, since: datetime) -> tuple[Signal, ...]:
        at = now()
        reads = (source.read(at, since) for source in self._drivers.signals.values())
        return tuple(await asyncio.gather(*reads))
