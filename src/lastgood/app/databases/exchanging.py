"""The exchange of a database by a copy, as the steps of a run do it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from lastgood.app.backups.place import Place, place_of
from lastgood.app.backups.standing import DROPPED
from lastgood.app.backups.warming import remember
from lastgood.app.databases.rewinding import point_of
from lastgood.app.project import now
from lastgood.errors import RefusedError, RemoteError, StepError
from lastgood.model.exchange import Way
from lastgood.model.noun import to_plain_json
from lastgood.model.plan import PlanKind
from lastgood.ports.rewinding import Rewinding
from lastgood.ports.swapping import Closed, Copy, Swapping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lastgood.app.project import Project
    from lastgood.model.exchange import Exchange
    from lastgood.model.run import Run
    from lastgood.ports.action import Action
    from lastgood.ports.children import Finished
    from lastgood.ports.rewinding import Rewound
    from lastgood.ports.swapping import Swapped

_Done = TypeVar("_Done")

SWAPPED, REWOUND = "database.swapped", "database.rewound"
RESTORE_LIMIT_S = 86_400.0
"""The step's own time limit ends a restore; this only bounds a child that nobody waits for."""


class DatabaseExchanger:
    """Implements `execute.handlers.exchange.Exchanger`."""

    def __init__(self, project: Project, run: Run) -> None:
        self._project = project
        self._run = run

    async def stands(self, exchange: Exchange) -> bool:
        """See `Exchanger.stands`."""
        database = self._places[exchange.database].database
        kept = await asyncio.to_thread(database.kept)
        return exchange.copy in {one.side for one in kept}

    async def require(self, exchange: Exchange) -> None:
        """See that what was approved to be swapped in is there still, before anything is changed.

        A newer warm target may have replaced it while the plan was read. A server that does not
        answer just now says nothing of it.

        Raises:
            RefusedError: it is not (`no-copy`).
        """
        look = {Way.WARM: self.stands, Way.QUARANTINE: self._is_kept}.get(exchange.way)
        if look is None:
            return  # it is made on the way, or nothing is swapped in
        with suppress(RemoteError):
            if await look(exchange):
                return
            raise RefusedError(
                f"{exchange.copy}, which was to take the place of {exchange.database}, is gone",
                cause="a newer one replaced it, or somebody dropped it, after the plan was made",
                mend="run the command again: the new plan says what is there",
                code="no-copy",
            )

    async def restore(self, exchange: Exchange, action: Action) -> None:
        """See `Exchanger.restore`: by a child, which dies with the step.

        Raises:
            StepError: it could not be restored, or is damaged (`restore-failed`).
            ChildError: it took a day.
        """
        project = self._project
        action.fence()
        action.note(f"{exchange.copy} is restored and compared")
        argv = [
            sys.executable, "-P", "-m", "lastgood",
            "backup", "verify", exchange.copy, "--database", exchange.database, "--keep", "--json",
            "--config", str(project.settings.file), "--env", project.name,
        ]  # fmt: skip
        # It reads the same configuration, references to the environment and all.
        ended = await action.children.run(
            argv, timeout=RESTORE_LIMIT_S, env=dict(os.environ), check=False
        )
        if ended.returncode:
            cause, mend = _why(ended)
            raise StepError(
                f"{exchange.copy} could not be restored beside {exchange.database}",
                cause=cause,
                mend=mend,
                code="restore-failed",
            )

    async def swapped(self, exchange: Exchange) -> bool:
        """See `Exchanger.swapped`."""
        if exchange.way is Way.PHYSICAL:
            return await asyncio.to_thread(self._rewinding(exchange).rewound, exchange.quarantine)
        return exchange.quarantine in await self._quarantined(exchange)

    async def swap(self, exchange: Exchange, action: Action) -> Mapping[str, str]:
        """See `Exchanger.swap`.

        Raises:
            RefusedError: something stands in the way, or more would be lost than was accepted.
            RemoteError: the server failed.
        """
        if exchange.way is Way.PHYSICAL:
            return await self._go_back(exchange, action)
        action.fence()
        kind = Closed.QUARANTINED if exchange.way is Way.QUARANTINE else Closed.KEPT
        # It is over in seconds, wholly or not at all: waited for also when the step is stopped.
        swapped = await to_its_end(
            partial(
                self._swapping(exchange).swap,
                Copy(kind=kind, id=exchange.copy),
                exchange.quarantine,
                exchange.accepted,
                fence=action.fence,
                drop_slots=exchange.drop_slots,
            )
        )
        self._remember(exchange, swapped)
        for said in swapped.said:
            action.note(said)
        return {
            "loss": to_plain_json(swapped.loss),
            "closed_s": f"{swapped.closed_s:.3f}",
            "ended": str(swapped.ended),
            "quarantine": exchange.quarantine,
            "said": "\n".join(swapped.said),
        }

    async def _is_kept(self, exchange: Exchange) -> bool:
        return exchange.copy in await self._quarantined(exchange)

    async def _quarantined(self, exchange: Exchange) -> set[str]:
        there = await asyncio.to_thread(self._swapping(exchange).quarantined)
        return {one.id for one in there}

    async def _go_back(self, exchange: Exchange, action: Action) -> Mapping[str, str]:
        rewinding = self._rewinding(exchange)
        action.note(f"the server of {exchange.database} is stopped and goes back")
        going: Callable[..., Rewound] = (
            partial(rewinding.forward, exchange.copy)
            if self._run.plan.kind is PlanKind.UNDO
            else partial(rewinding.rewind, point_of(exchange))
        )
        # Whoever wants it stopped waits: half way the server is down.
        rewound = await to_its_end(partial(going, exchange.quarantine, fence=action.fence))
        self._project.state.events.append(
            REWOUND, self._run.by,
            f"the server of {exchange.database} went back to {exchange.copy}; nobody could connect "
            f"for {rewound.down_s:.0f} s",
            at=now(), environment=self._project.name, incident=self._run.incident,
            run=self._run.id,
            data={"database": exchange.database, "to": exchange.copy,
                  "rewind": exchange.quarantine},
        )  # fmt: skip
        for said in rewound.said:
            action.note(said)
        return {"closed_s": f"{rewound.down_s:.3f}", "said": "\n".join(rewound.said)}

    def _rewinding(self, exchange: Exchange) -> Rewinding:
        database = self._places[exchange.database].database
        if not isinstance(database, Rewinding):
            raise RefusedError(
                f"the driver of {exchange.database} cannot bring its server back",
                mend="go back by a backup of the database",
                code="no-physical",
            )
        return database

    def _swapping(self, exchange: Exchange) -> Swapping:
        database = self._places[exchange.database].database
        if not isinstance(database, Swapping):
            raise RefusedError(
                f"the driver of {exchange.database} cannot replace a database by a copy",
                mend="roll the code back: --without-database",
                code="no-swap",
            )
        return database

    async def recall(self, exchange: Exchange) -> Mapping[str, str]:
        """See `Exchanger.recall`: what it took nobody saw, but that it is so is written down."""
        if exchange.way is Way.PHYSICAL:
            return {}
        events = self._project.state.events.list(run=self._run.id)
        told = [event.data for event in events if event.kind == SWAPPED]
        found = next((one for one in told if one["quarantine"] == exchange.quarantine), None)
        if found is None:
            self._write_down(
                exchange, "whoever did it was cut off before it could tell what vanished"
            )
        return {"quarantine": exchange.quarantine, "closed_s": (found or {}).get("closed_s", "")}

    def _remember(self, exchange: Exchange, swapped: Swapped) -> None:
        """Write down what a swap did."""
        vanished = swapped.loss.vanishing
        rows = "an unknown number of" if vanished is None else str(vanished)
        self._write_down(
            exchange,
            f"{rows} rows vanished; nobody could connect for {swapped.closed_s:.2f} s",
            closed_s=f"{swapped.closed_s:.3f}",
        )

    def _write_down(self, exchange: Exchange, what: str, **more: str) -> None:
        """Write down what was replaced by what, and that a warm target is used up."""
        project, place = self._project, self._places[exchange.database]
        with project.state.transaction():
            project.state.events.append(
                SWAPPED, self._run.by,
                f"{exchange.copy} took the place of {exchange.database}: {what}",
                at=now(), environment=project.name, incident=self._run.incident, run=self._run.id,
                data={
                    "database": exchange.database, "copy": exchange.copy,
                    "quarantine": exchange.quarantine, **more,
                },
            )  # fmt: skip
            if exchange.way is not Way.QUARANTINE:
                remember(project, place, DROPPED, exchange.copy, "was swapped in: it is live now")

    @cached_property
    def _places(self) -> dict[str, Place]:
        names = [exchange.database for exchange in self._run.plan.exchanges]
        return {name: place_of(self._project, name) for name in names}


async def to_its_end(work: Callable[[], _Done]) -> _Done:
    """Do blocking work in a thread, and wait for its end however often we are asked to stop.

    Raises:
        CancelledError: we were asked to stop, and it failed; what succeeds counts all the same.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work))
    stopped = False
    while not working.done():
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            # By a person, then because the step's time is over or the run was taken over.
            stopped = True
    if stopped and working.exception() is not None:
        raise asyncio.CancelledError
    return working.result()


def _why(ended: Finished) -> tuple[str, str]:
    """Why a restore failed, and what mends it, from the document that its command answered with."""
    again = "give the command again: an older backup is taken then; see: lastgood backup list"
    try:
        said = json.loads(ended.stdout)
    except ValueError:
        last = ended.stderr.strip().splitlines()[-1:]
        return last[0] if last else f"its command ended with {ended.returncode}", again
    if "error" in said:
        error = said["error"]
        return f"{error['message']}: {error['cause']}".removesuffix(": "), error["mend"] or again
    problems = "; ".join(problem["what"] for problem in said["problems"])
    return f"the backup is damaged: {problems}", again
