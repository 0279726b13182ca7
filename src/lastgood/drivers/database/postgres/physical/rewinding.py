"""The whole server goes back in time: marked, stopped, brought back, started, and looked at.

Before it is stopped, where it is gets a name in its log, and that is archived: so it can be gone
forward to, when going back fails or is undone, without a second copy of the files. It also shows
that archiving works, and gives a time target a commit behind it, without which the server would not
know that it has reached it.
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lastgood.drivers.database.postgres.backup.restorepoint import restore_point
from lastgood.drivers.database.postgres.backup.verifying import verified
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.model.noun import Noun, from_json, to_json
from lastgood.model.problem import Problem
from lastgood.ports.rewinding import Point, PointKind, Rewindable, Rewound
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.options import PostgresOptions
    from lastgood.drivers.database.postgres.physical.pgbackrest import PgBackRest, Stanza
    from lastgood.drivers.database.postgres.physical.physical import Physical
    from lastgood.process.masking import Masker

MARK = "lastgood_before_"
_PAUSE_S = 0.2
_OTHERS = """
    SELECT datname FROM pg_catalog.pg_database
     WHERE NOT datistemplate AND datname NOT IN ('postgres', %s)
       AND pg_catalog.strpos(datname, %s || '__lg') = 0 ORDER BY 1"""
_HERE = """
    SELECT (SELECT system_identifier FROM pg_catalog.pg_control_system()),
           pg_catalog.pg_is_in_recovery(), current_setting('archive_mode') <> 'off'"""
_TIMELINE = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn())"
# A transaction with a number of its own leaves a commit in the log, though it changes nothing.
_COMMIT = "SELECT pg_catalog.pg_current_xact_id()"
_SWITCH = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())"
_ARCHIVED = """
    SELECT last_archived_wal, last_failed_wal, last_failed_time > last_archived_time
      FROM pg_catalog.pg_stat_archiver"""
_STANDBYS = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication"


class _Record(Noun, frozen=True, kw_only=True):
    """Where the server was when a rewind began.

    Attributes:
        name: of the place, in its log.
        marks: how often it was named: the server stops at the first of two that are alike.
        timeline: of its log: it gets a new one each time that it has gone back.
        standbys: how many servers followed it.
    """

    name: str
    marks: int
    timeline: int
    at: datetime
    standbys: int = 0


class Rewinds:
    """The rewinds of one server.

    Args:
        live: the database's address; the server is asked in the database `postgres`.
        folder: where it is remembered where the server was.
    """

    def __init__(
        self,
        live: Address,
        options: PostgresOptions,
        physical: Physical,
        program: PgBackRest,
        folder: Path,
        masker: Masker,
    ) -> None:
        self._live = live
        self._options = options
        self._physical = physical
        self._program = program
        self._folder = folder
        self._masker = masker

    def rewindable(self) -> Rewindable:
        """See `ports.rewinding.Rewinding.rewindable`."""
        stanza = self._program.stanza()
        try:
            with self._connected() as connection, self._told():
                name = self._live.name
                others = [other for (other,) in connection.execute(_OTHERS, (name, name))]
                problems = list(self._problems(connection, stanza))
        except RemoteError as error:
            # It may be what is broken; then nothing can be gone forward to.
            others, problems = [], [_problem("server-down", f"{error.message}: {error.cause}")]
        return Rewindable(
            backups=tuple(stanza.backups), others=tuple(others), problems=tuple(problems)
        )

    def rewind(self, point: Point, rewind: str, fence: Callable[[], None]) -> Rewound:
        """See `ports.rewinding.Rewinding.rewind`."""
        stanza = self._program.stanza()
        chosen = [one for one in stanza.backups if one.ended_at < point.at]
        if not chosen:
            first = stanza.backups[0].ended_at
            raise RefusedError(
                f"no backup of the server's files is older than {point.at:%Y-%m-%d %H:%M:%S} UTC",
                cause=f"the oldest ended {first:%Y-%m-%d %H:%M:%S} UTC",
                mend="name a later time, or go back by a backup of the database",
                code="before-file-backups",
            )
        return self._gone(point, chosen[-1].label, None, rewind, stanza, fence)

    def rewound(self, rewind: str) -> bool:
        """See `ports.rewinding.Rewinding.rewound`."""
        record = self._recorded(rewind)
        return record is not None and self._is_past(record)

    def forward(self, rewound: str, rewind: str, fence: Callable[[], None]) -> Rewound:
        """See `ports.rewinding.Rewinding.forward`."""
        record = self._recorded(rewound)
        if record is None:
            raise RefusedError(
                f"nothing is known of a rewind {harmless(rewound)[:60]}",
                cause="it was never begun on this machine, or its record was deleted",
                mend="name the restore point to pgBackRest by hand: --type=name "
                f"--target={MARK}ID --target-timeline=N",
                code="no-rewind",
            )
        stanza = self._program.stanza()
        return self._gone(
            _mark(record), _newest(stanza, record), record.timeline, rewind, stanza, fence
        )

    def _gone(
        self,
        point: Point,
        backup: str,
        timeline: int | None,
        rewind: str,
        stanza: Stanza,
        fence: Callable[[], None],
    ) -> Rewound:
        record = self._recorded(rewind)
        if record is not None and self._is_past(record):
            return self._looked(record, 0.0)  # who did it was killed before saying so
        if record is None or self._where() == record.timeline:
            # Who was killed before it was stopped marked a place that is left behind by now.
            record = self._marked(rewind, stanza, record.marks + 1 if record else 1)
        fence()
        began = time.monotonic()
        try:
            self._brought(point, backup, timeline, record)
        except LastgoodError as error:
            raise self._undone(rewind, record, stanza, error) from error
        return self._looked(record, time.monotonic() - began)

    def _marked(self, rewind: str, stanza: Stanza, marks: int) -> _Record:
        """Give where the server is a name, and see it archived."""
        name = f"{MARK}{rewind}" + (f"_{marks}" if marks > 1 else "")
        with self._connected() as connection, self._told():
            if problem := next(self._problems(connection, stanza), None):
                raise RefusedError(problem.what, mend=problem.mend, code=problem.code)
            timeline = _timeline(connection)
            row = connection.execute(_STANDBYS).fetchone()
            restore_point(connection, name, self._masker)
            connection.execute(_COMMIT)
            self._archived(connection)
        record = _Record(
            name=name, marks=marks, timeline=timeline, at=datetime.now(UTC),
            standbys=row[0] if row else 0,
        )  # fmt: skip
        self._remember(rewind, record)
        return record

    def _archived(self, connection: Connection[Any]) -> None:
        switched = connection.execute(_SWITCH).fetchone()
        wanted, until = str(switched[0]) if switched else "", self._until(self._physical.patience)
        while time.monotonic() < until:
            row = connection.execute(_ARCHIVED).fetchone()
            last = str(row[0] or "")[: len(wanted)] if row else ""
            if last >= wanted:
                return
            time.sleep(_PAUSE_S)
        raise RefusedError(
            "the server's log is not archived; nothing was changed",
            cause=f"{wanted} was not within {self._physical.patience:g} s",
            mend="see why archive_command fails in the server's log",
            code="archive-behind",
        )

    def _brought(self, point: Point, backup: str, timeline: int | None, record: _Record) -> None:
        self._program.stop()
        self._program.restore(point, backup, timeline)
        self._program.start()
        until, cause = self._until(self._physical.longest), "it is still replaying its log"
        gone_until = self._until(self._physical.patience)
        while time.monotonic() < min(until, gone_until):
            if self._is_past(record):
                return
            if self._live.answers():
                gone_until = self._until(self._physical.patience)
            elif time.monotonic() > gone_until - self._physical.patience / 2:
                cause = "it does not run"
            time.sleep(_PAUSE_S)
        raise RemoteError(
            "the server did not come back where it should",
            cause=cause,
            mend="see the server's log: a target that is not in the archived log ends it",
            code="rewind-failed",
        )

    def _undone(
        self, rewind: str, record: _Record, stanza: Stanza, error: LastgoodError
    ) -> RemoteError:
        """Go forward to where the server was; gives what is to be said then."""
        cause = f"{error.message}: {error.cause}" if error.cause else error.message
        by_hand = (
            f"bring it forward by hand: pgbackrest --stanza={self._physical.stanza} --delta "
            f"--type=name --target={record.name} --target-timeline={record.timeline} "
            "--target-action=promote restore, then start it"
        )
        try:
            self._brought(_mark(record), _newest(stanza, record), record.timeline, record)
        except LastgoodError as again:
            return RemoteError(
                "the server could not be brought back, and not forward again: it may be down",
                cause=f"{cause}; then: {again.message}: {again.cause}",
                mend=by_hand,
                code="rewind-failed",
            )
        (self._folder / f"{rewind}.json").unlink(missing_ok=True)
        return RemoteError(
            "the server could not be brought back; it is where it was, and serves again",
            cause=cause,
            mend="see the server's log and pgBackRest's, then try again or name another time",
            code="rewind-undone",
        )

    def _is_past(self, record: _Record) -> bool:
        """Whether the server has gone on with a log of its own since."""
        where = self._where()
        return where is not None and where > record.timeline

    def _where(self) -> int | None:
        """The timeline that the server writes; None when it does not, or nobody can ask it."""
        try:
            with self._connected() as connection, self._told():
                row = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone()
                return _timeline(connection) if row and not row[0] else None
        except RemoteError:
            return None

    def _looked(self, record: _Record, down_s: float) -> Rewound:
        options, said = self._options, list[str]()
        with self._live.connected() as connection, self._told():
            problems = verified(connection, options.verify, options.verify_timeout, self._masker)
        said += [problem.what for problem in problems]
        if record.standbys:
            said.append(
                f"{record.standbys} servers that followed this one cannot any more: make them anew"
            )
        return Rewound(down_s=down_s, said=tuple(said))

    def _problems(self, connection: Connection[Any], stanza: Stanza) -> Iterator[Problem]:
        row = connection.execute(_HERE).fetchone()
        number, recovers, archives = row or (None, True, False)
        if not stanza.systems or number != stanza.systems[-1]:
            # Another server's files would be overwritten by those of a third one.
            yield _problem("other-server", "pgBackRest's stanza is another server's")
        elif recovers:
            yield _problem("standby", "the server follows another one: go back there")
        elif not archives:
            yield _problem("not-archived", "the server does not archive its log: archive_mode")

    def _recorded(self, rewind: str) -> _Record | None:
        file = self._folder / f"{rewind}.json"
        try:
            return from_json(file.read_text(encoding="utf-8"), _Record)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise RefusedError(
                "nobody can say any more where the server was",
                cause=harmless(f"{file}: {error}"),
                mend="see the server's log; then remove the file",
                code="no-rewind",
            ) from error

    def _remember(self, rewind: str, record: _Record) -> None:
        """Note it where it outlives us, wholly or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{rewind}.json"
        with tempfile.NamedTemporaryFile("w", dir=self._folder, encoding="utf-8") as made:
            made.write(to_json(record))
            made.flush()
            os.fsync(made.fileno())
            file.unlink(missing_ok=True)
            os.link(made.name, file)

    def _connected(self) -> Any:  # noqa: ANN401 - a context with a connection
        return self._live.connected("postgres")

    def _told(self) -> Any:  # noqa: ANN401 - a context
        return told("the server could not be asked or told", self._masker)

    @staticmethod
    def _until(seconds: float) -> float:
        return time.monotonic() + seconds


def _mark(record: _Record) -> Point:
    return Point(kind=PointKind.NAME, name=record.name, at=record.at)


def _newest(stanza: Stanza, record: _Record) -> str:
    """The newest backup that was there when the place was marked."""
    labels = [one.label for one in stanza.backups if one.ended_at < record.at]
    if not labels:
        raise RefusedError(
            "nothing leads to where the server was any more; nothing was changed",
            cause="the backups of its files from before that were removed",
            mend="see what there is: pgbackrest info",
            code="before-file-backups",
        )
    return labels[-1]


def _timeline(connection: Connection[Any]) -> int:
    row = connection.execute(_TIMELINE).fetchone()
    return int(row[0][:8], 16) if row else 0


def _problem(code: str, what: str) -> Problem:
    return Problem(code=code, what=what, mend="see `physical` in docs/drivers.md")
