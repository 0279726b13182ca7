"""One replacement of the live database by a copy, from the first count to the seen end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.closed.keeping import close
from lastgood.drivers.database.postgres.swap.carrying import carry
from lastgood.drivers.database.postgres.swap.ending import end_others
from lastgood.drivers.database.postgres.swap.movement import Marks, at_most, recounted
from lastgood.drivers.database.postgres.swap.renaming import PATIENCE_S, Renaming
from lastgood.drivers.database.postgres.swap.sequences import advance, states
from lastgood.errors import LastgoodError, RefusedError
from lastgood.ports.swapping import Swapped
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from lastgood.drivers.database.postgres.swap.committing import Names
    from lastgood.drivers.database.postgres.swap.hooks import Hooks
    from lastgood.drivers.database.postgres.swap.movement import Compare
    from lastgood.model.loss import Loss
    from lastgood.process.masking import Masker

# What of the server's patience is left for the rest when the tables are counted again.
_REST_S = 1.5
_SHORTEST_S = 0.1
# What clients wait for a number that decides nothing any more: it is for the report.
_BRIEFLY_S = 0.4
# The copy is at rest, so that this is for very many sequences.
_SEQUENCES_S = 10.0
# What the application's sessions have; ours has none.
_PATH = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path'"


@dataclass(frozen=True)
class Sessions:
    """The sessions by which a database is replaced; all are open before it is closed.

    Attributes:
        main: in neither database; its transaction is the exchange.
        watcher: likewise; it ends the others.
        live: in the live database, for as long as it has the name.
        copy: in the copy, which is closed to all others.
    """

    main: Connection[Any]
    watcher: Connection[Any]
    live: Connection[Any]
    copy: Connection[Any]


class Replacement:
    """One replacement.

    Args:
        names: who gets which name.
        accepted: how many rows may vanish; None when it was accepted that nobody knows.
        compare: counts some tables by sessions of ours.
        hooks: what is done in the copy before clients come back.
        connected: another session in neither database.
        fence: raises when we have no say any more.
    """

    def __init__(
        self,
        names: Names,
        accepted: int | None,
        compare: Compare,
        hooks: Hooks,
        connected: Callable[[], AbstractContextManager[Connection[Any]]],
        fence: Callable[[], None],
        masker: Masker,
    ) -> None:
        self._names = names
        self._accepted = accepted
        self._compare = compare
        self._hooks = hooks
        self._connected = connected
        self._fence = fence
        self._masker = masker

    def carried_out(self, sessions: Sessions, before: Marks, loss: Loss) -> Swapped:
        """Replace it.

        Args:
            sessions: ours.
            before: what the live tables looked like before their loss was counted.
            loss: what was counted then.

        Raises:
            LastgoodError: nothing was replaced.
        """
        self._refuse_over(loss)
        main, copy = sessions.main, sessions.copy
        path = sessions.live.execute(_PATH).fetchone()
        # What cannot be read is better found while nobody waits.
        states(sessions.live)
        stood = states(copy)
        renaming = Renaming(main, sessions.watcher, self._names)
        commit = renaming.commit(self._connected, self._masker)
        # Most likely a stopped one of ours: nobody else has anything to do there.
        end_others(sessions.watcher, renaming.numbers[1], copy, set(), PATIENCE_S)
        # A helper of the server's would have to enter the database, and wait for us.
        sessions.live.execute("SET max_parallel_workers_per_gather TO 0")
        with renaming.closed(sessions.live):
            loss = self._recounted(sessions, renaming, before, loss)
            self._refuse_over(loss)
            stands = states(sessions.live)
        with renaming.kept_alive(self._hooks.longest_s + _SEQUENCES_S):
            said = advance(copy, stands, stood)
            _as_live(copy, str(path[0]) if path else "")
            with self._hooks.run(copy, self._fence):
                self._fence()
            copy.close()
            renaming.wait_for_copy()
        with self._told_what_stays(), renaming.exchanged():
            said += carry(main, self._names.quarantine, self._names.live)
            close(main, self._names.quarantine)
            row = main.execute("SELECT pg_catalog.clock_timestamp()").fetchone()
            self._fence()
            commit.send()
            closed_s = renaming.closed_s()
            commit.confirm()
        if row is None:  # a SELECT without FROM has one row
            raise AssertionError
        return Swapped(
            loss=loss,
            closed_s=closed_s,
            ended=len(renaming.ended),
            at=row[0].astimezone(UTC),
            said=said,
        )

    def _recounted(self, sessions: Sessions, renaming: Renaming, before: Marks, loss: Loss) -> Loss:
        moved = before.moved(Marks.of(sessions.live))
        left = max(_SHORTEST_S, renaming.left() - _REST_S)
        if self._accepts(at_most(loss, moved)):
            left = min(left, _BRIEFLY_S)
        return recounted(
            loss, moved, lambda some: self._compare(sessions.live, sessions.copy, some, left)
        )

    def _accepts(self, vanishing: int | None) -> bool:
        accepted = self._accepted
        return accepted is None or (vanishing is not None and vanishing <= accepted)

    def _refuse_over(self, loss: Loss) -> None:
        accepted, vanishing = self._accepted, loss.ceiling
        if self._accepts(vanishing):
            return
        unknown = ", ".join(
            harmless(one.table) for one in loss.tables if one.at_least or one.vanishing is None
        )
        counted = f"unknown of {unknown}" if vanishing is None else str(vanishing)
        raise RefusedError(
            "more would be lost than was accepted",
            cause=f"rows that would vanish: {counted}; accepted: {accepted}",
            mend="see: lastgood db preview; if that is the price, the same again with "
            f"--accept-loss {'unknown' if vanishing is None else vanishing}",
            code="loss-over-accepted",
        )

    @contextmanager
    def _told_what_stays(self) -> Iterator[None]:
        try:
            yield
        except LastgoodError as error:
            if self._hooks:
                error.mend += f"; {harmless(self._names.copy)} keeps what the hooks did in it"
            raise


def _as_live(connection: Connection[Any], search_path: str) -> None:
    """Let the hooks find the session as in the live database: what was compared in it set much."""
    encoding = connection.info.parameter_status("client_encoding") or "UTF8"
    connection.execute("RESET ALL")
    for name, value in (
        ("client_encoding", encoding),
        ("statement_timeout", "0"),
        ("search_path", search_path),
    ):
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
