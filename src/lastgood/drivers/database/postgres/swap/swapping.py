"""The live database's place taken by a copy: the port, put together."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import structs

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.closed.beside import beside
from lastgood.drivers.database.postgres.closed.keeping import Keeping
from lastgood.drivers.database.postgres.closed.quarantine import Quarantine
from lastgood.drivers.database.postgres.closed.quarantine import drop_slots as dropped
from lastgood.drivers.database.postgres.swap import obstacles
from lastgood.drivers.database.postgres.swap.carrying import carry
from lastgood.drivers.database.postgres.swap.committing import Names
from lastgood.drivers.database.postgres.swap.movement import Marks
from lastgood.drivers.database.postgres.swap.rehearsing import rehearse
from lastgood.drivers.database.postgres.swap.replacing import Replacement, Sessions
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.problem import Problem
from lastgood.ports.swapping import Closed
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.closed.sides import Sides
    from lastgood.drivers.database.postgres.swap.hooks import Hooks
    from lastgood.drivers.database.postgres.swap.movement import Compare
    from lastgood.model.loss import Loss
    from lastgood.ports.swapping import Copy, Quarantined, Swapped
    from lastgood.process.masking import Masker

    Lose = Callable[[Copy, float], Loss]

# How long all tables are counted while people still work; what takes longer is estimated.
_COUNT_S = 30.0
_STANDBYS = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication"


@dataclass(frozen=True)
class Counting:
    """How it is counted what would be lost.

    Attributes:
        lose: of all tables, while people still work.
        compare: of some tables, by sessions of ours.
    """

    lose: Lose
    compare: Compare


class Swaps:
    """Lets a copy take a live database's place; `ports.swapping.Swapping` but for rows.

    Args:
        live: the live database's address, past any pooler.
        admin: an address on its server whose role may rename it.
        counting: how it is counted what would be lost.
        hooks: what is done in the copy before clients come back.
    """

    def __init__(
        self, live: Address, admin: Address, counting: Counting, hooks: Hooks, masker: Masker
    ) -> None:
        self._live = live
        self._admin = admin
        self._counting = counting
        self._hooks = hooks
        self._masker = masker
        self._keeping = Keeping(live.name, admin, masker)
        self._quarantine = Quarantine(live.name, admin, masker)

    def obstacles(self, copy: Copy | None, *, drop_slots: bool = False) -> list[Problem]:
        """See `Swapping.obstacles`."""
        return self._found(copy, None, drop_slots=drop_slots)

    def _found(
        self, copy: Copy | None, quarantine: str | None, *, drop_slots: bool
    ) -> list[Problem]:
        with self._told("the server cannot be asked about a swap"), ExitStack() as stack:
            live = stack.enter_context(self._live.connected())
            if found := obstacles.through_pooler(live):
                return found  # it may know of no other database of its server
            admin = stack.enter_context(self._beside())
            if found := obstacles.through_pooler(admin):
                return found
            if quarantine is not None and (used := obstacles.of_quarantine(admin, quarantine)):
                return used  # most likely it was this swap: then nothing else is as it was
            found = [
                *obstacles.of_server(live, admin),
                *obstacles.of_live(live, admin, self._live.name, drop_slots=drop_slots),
            ]
            if copy is not None:
                found += self._of_copy(admin, copy, tried=not found)
            return found

    def quarantined(self) -> list[Quarantined]:
        """See `Swapping.quarantined`."""
        return self._quarantine.found()

    def drop_quarantined(self, quarantine: str) -> None:
        """See `Swapping.drop_quarantined`."""
        self._quarantine.drop(quarantine)

    def swap(
        self,
        copy: Copy,
        quarantine: str,
        accepted: int | None,
        *,
        fence: Callable[[], None],
        drop_slots: bool = False,
    ) -> Swapped:
        """See `Swapping.swap`."""
        names = Names(
            self._live.name,
            self._sides(copy).name(copy.id),
            self._quarantine.sides.name(quarantine),
        )
        obstacles.refuse(self._found(copy, names.quarantine, drop_slots=drop_slots))
        replacement = Replacement(
            names,
            accepted,
            self._counting.compare,
            self._hooks,
            self._beside,
            fence,
            self._masker,
        )
        with self._told(f"the database {harmless(names.live)} could not be replaced"):
            done = self._replaced(replacement, copy)
        said = [*done.said, *self._afterwards(names.quarantine, drop_slots=drop_slots)]
        return structs.replace(done, said=tuple(said))

    def rehearse(self) -> list[Problem]:
        """See `Swapping.rehearse`."""
        return rehearse(self._live, self._admin, self._beside, self._masker)

    def _replaced(self, replacement: Replacement, copy: Copy) -> Swapped:
        with ExitStack() as stack:
            live = stack.enter_context(self._live.connected())
            before = Marks.of(live)
            loss = self._counting.lose(copy, _COUNT_S)
            sessions = Sessions(
                main=stack.enter_context(self._beside()),
                watcher=stack.enter_context(self._beside()),
                live=live,
                copy=stack.enter_context(beside(copy, self._live, self._admin, self._masker)),
            )
            return replacement.carried_out(sessions, before, loss)

    def _afterwards(self, quarantine: str, *, drop_slots: bool) -> Iterator[str]:
        """What remains to be done, and told: the names are exchanged, so nothing here fails."""
        try:
            with self._beside() as admin, self._told("the slots could not be dropped"):
                row = admin.execute(_STANDBYS).fetchone()
                if row is not None and row[0]:
                    yield (
                        f"{row[0]} standbys follow this server: whoever is connected to the "
                        "database there reads the replaced one until they connect anew"
                    )
                for slot, plugin in dropped(admin, quarantine) if drop_slots else ():
                    yield (
                        f"the replication slot {harmless(slot)} was dropped: make it again in the "
                        f"live database (pg_create_logical_replication_slot, plugin "
                        f"{harmless(plugin)}), and let its consumer take a new snapshot"
                    )
        except LastgoodError as error:
            yield f"{error.message}: {error.cause}; {error.mend}"

    def _of_copy(self, admin: Connection[Any], copy: Copy, *, tried: bool) -> list[Problem]:
        name = self._sides(copy).name(copy.id)
        found = list(obstacles.of_copy(admin, name))
        if copy.kind is Closed.KEPT:
            found += [
                p for one in self._keeping.found() if one.side == copy.id for p in one.problems
            ]
        else:
            found += [
                p for one in self._quarantine.found() if one.id == copy.id for p in one.problems
            ]
        if not found and tried:
            found += _carried(admin, self._live.name, name)
        return found

    def _sides(self, copy: Copy) -> Sides:
        return (self._keeping if copy.kind is Closed.KEPT else self._quarantine).sides

    @contextmanager
    def _beside(self) -> Iterator[Connection[Any]]:
        """A session in another database of the server: one that is renamed must be empty."""
        live = self._live.name
        name = next(one for one in (self._admin.name, "postgres", "template1") if one != live)
        with self._admin.connected(name) as connection:
            yield connection

    def _told(self, what: str) -> AbstractContextManager[None]:
        return told(what, self._masker)


def _carried(admin: Connection[Any], live: str, copy: str) -> list[Problem]:
    """Whether all that belongs to the live database can be given: tried, and taken back."""
    try:
        with admin.transaction(force_rollback=True):
            carry(admin, live, copy)
    except RefusedError as error:
        return [Problem(code=error.code, what=f"{error.message}: {error.cause}", mend=error.mend)]
    return []
