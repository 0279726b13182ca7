"""What would be lost to a backup that is not restored yet: by what its manifest says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.project import now
from lastgood.errors import LastgoodError
from lastgood.model.loss import Loss, Precision, TableLoss

if TYPE_CHECKING:
    from lastgood.app.backups.place import Place
    from lastgood.model.backup import Backup, TableContent

NOT_RESTORED = "the backup is not restored yet: rows were counted, not compared"
NO_TIME = "the backup is not restored yet, and there was no time to count the live rows"
UNREAD = frozenset({"snapshot-too-long", "locked"})
"""Codes of what keeps rows from being counted in time: the database is large, or somebody holds a
table. Neither may keep anybody from going back."""


def loss_by_manifest(place: Place, backup: Backup, longest_s: float) -> Loss:
    """Tables whose content is the same lose nothing; of others only the numbers are known.

    It is counted again, row by row, before anything is replaced.

    Args:
        place: of the database.
        backup: what it would go back to.
        longest_s: for how many seconds rows may be read; where that is not enough nothing is known.

    Raises:
        RemoteError: the database does not answer.
    """
    then = {one.table: one for one in backup.fingerprint.tables}
    try:
        with place.database.snapshot(longest_s) as snapshot:
            live = {one.table: one for one in snapshot.fingerprint().tables}
    except LastgoodError as error:
        if error.code not in UNREAD or not then:
            raise
        return Loss(at=now(), tables=tuple(_unknown(then[name]) for name in sorted(then)))
    names = sorted({*live, *then})
    return Loss(
        at=now(), tables=tuple(_table(name, live.get(name), then.get(name)) for name in names)
    )


def _table(name: str, live: TableContent | None, then: TableContent | None) -> TableLoss:
    same = live is not None and then is not None and live.digest == then.digest
    one_sided = live is None or then is None
    more = (live.rows if live else 0) - (then.rows if then else 0)
    exact = same or one_sided
    return TableLoss(
        table=name,
        live_rows=live.rows if live is not None else None,
        restored_rows=then.rows if then is not None else None,
        vanishing=max(0, more),
        returning=max(0, -more),
        changing=0 if exact else None,
        precision=Precision.EXACT if exact else Precision.ESTIMATED,
        why="" if exact else NOT_RESTORED,
        at_least=not exact,
    )


def _unknown(then: TableContent) -> TableLoss:
    return TableLoss(
        table=then.table,
        live_rows=None,
        restored_rows=then.rows,
        vanishing=None,
        returning=None,
        changing=None,
        precision=Precision.UNKNOWN,
        why=NO_TIME,
    )
