"""What the driver offers beside a database's backups: to let a copy take its place."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.closed.beside import beside
from lastgood.drivers.database.postgres.loss.losing import compare
from lastgood.drivers.database.postgres.physical.pgbackrest import PgBackRest
from lastgood.drivers.database.postgres.physical.rewinding import Rewinds
from lastgood.drivers.database.postgres.repair.befores import Befores
from lastgood.drivers.database.postgres.repair.repairing import Keeping, repair
from lastgood.drivers.database.postgres.repair.takingback import take_back
from lastgood.drivers.database.postgres.rows.writing import Terms
from lastgood.drivers.database.postgres.salvage.salvaging import salvage
from lastgood.drivers.database.postgres.swap.hooks import Hooks
from lastgood.drivers.database.postgres.swap.swapping import Counting, Swaps
from lastgood.errors import RefusedError
from lastgood.ports.swapping import Closed, Copy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.options import PostgresOptions
    from lastgood.model.loss import Loss
    from lastgood.model.problem import Problem
    from lastgood.model.repair import Repair, Wanted
    from lastgood.model.salvage import Salvage
    from lastgood.ports.repairing import Before
    from lastgood.ports.rewinding import Point, Rewindable, Rewound
    from lastgood.ports.swapping import Quarantined, Swapped
    from lastgood.process.masking import Masker


class Replaceable:
    """The driver's part for the ports `Swapping`, `Repairing` and `Rewinding`."""

    _options: PostgresOptions
    _live: Address
    _home: Address
    _masker: Masker
    _private: Path
    _base: Path

    def loss(self, copy: Copy, *, longest_s: float) -> Loss:
        """See `Swapping.loss`."""
        with (
            beside(copy, self._live, self._home, self._masker) as closed,
            self._live.connected() as live,
            told(f"the work on the database {self._live.name} failed", self._masker),
        ):
            return compare(live, closed, None, longest_s)

    def obstacles(self, copy: Copy | None, *, drop_slots: bool = False) -> list[Problem]:
        """See `Swapping.obstacles`."""
        return self._swaps.obstacles(copy, drop_slots=drop_slots)

    def rehearse(self) -> list[Problem]:
        """See `Swapping.rehearse`."""
        return self._swaps.rehearse()

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
        return self._swaps.swap(copy, quarantine, accepted, fence=fence, drop_slots=drop_slots)

    def quarantined(self) -> list[Quarantined]:
        """See `Swapping.quarantined`."""
        return self._swaps.quarantined()

    def drop_quarantined(self, quarantine: str) -> None:
        """See `Swapping.drop_quarantined`."""
        self._swaps.drop_quarantined(quarantine)

    def repair(
        self,
        copy: Copy,
        wanted: Wanted,
        before: str,
        accepted: int | None,
        *,
        dry_run: bool,
        fence: Callable[[], None],
    ) -> Repair:
        """See `Repairing.repair`."""
        terms = Terms(self._options.salvage_limit, dry_run, fence)
        kept = Keeping(before, accepted, self._befores)
        with beside(copy, self._live, self._home, self._masker) as closed:
            return repair(self._live, closed, wanted, kept, terms, self._masker)

    def take_back(self, before: str, *, dry_run: bool, fence: Callable[[], None]) -> Repair:
        """See `Repairing.take_back`."""
        terms = Terms(self._options.salvage_limit, dry_run, fence)
        with self._befores.entered(before) as kept:
            taken = take_back(self._live, kept, terms, self._masker)
        if not dry_run and not taken.left:
            self._befores.drop(before)
        return taken

    def befores(self) -> list[Before]:
        """See `Repairing.befores`."""
        return self._befores.found()

    def drop_before(self, before: str) -> None:
        """See `Repairing.drop_before`."""
        self._befores.drop(before)

    def salvage(self, quarantine: str, *, dry_run: bool, fence: Callable[[], None]) -> Salvage:
        """See `Swapping.salvage`."""
        replaced = Copy(kind=Closed.QUARANTINED, id=quarantine)
        terms = Terms(self._options.salvage_limit, dry_run, fence)
        with beside(replaced, self._live, self._home, self._masker) as copy:
            return salvage(self._live, copy, terms, self._masker)

    def rewindable(self) -> Rewindable | None:
        """See `Rewinding.rewindable`."""
        return self._rewinds.rewindable() if self._options.physical else None

    def rewind(self, point: Point, rewind: str, *, fence: Callable[[], None]) -> Rewound:
        """See `Rewinding.rewind`."""
        return self._rewinds.rewind(point, rewind, fence)

    def rewound(self, rewind: str) -> bool:
        """See `Rewinding.rewound`."""
        return self._rewinds.rewound(rewind)

    def forward(self, rewound: str, rewind: str, *, fence: Callable[[], None]) -> Rewound:
        """See `Rewinding.forward`."""
        return self._rewinds.forward(rewound, rewind, fence)

    @cached_property
    def _rewinds(self) -> Rewinds:
        options = self._options
        if options.physical is None:
            raise RefusedError(
                f"nothing says how the server of {self._live.name} goes back in time",
                mend="write `physical: {stanza, stop, start}` under the database",
                code="no-physical",
            )
        guards = self._private / "guards"
        program = PgBackRest(options.physical, self._base, guards, self._masker)
        folder = self._private / "rewinds"
        return Rewinds(self._live, options, options.physical, program, folder, self._masker)

    @cached_property
    def _befores(self) -> Befores:
        return Befores(self._live, self._home, self._masker)

    @cached_property
    def _swaps(self) -> Swaps:
        options = self._options
        hooks = Hooks(
            options.before_open,
            options.before_open_timeout,
            self._base,
            self._private / "guards",
            self._masker,
        )
        counting = Counting(self._counted, compare)
        return Swaps(self._live, self._home, counting, hooks, self._masker)

    def _counted(self, copy: Copy, longest_s: float) -> Loss:
        return self.loss(copy, longest_s=longest_s)
