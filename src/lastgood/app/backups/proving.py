"""Proof by restore: into a side database, compared table by table with what was dumped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.backups.meter import Meter
from lastgood.app.backups.pace import paced
from lastgood.app.project import now
from lastgood.backup.comparing import differences
from lastgood.backup.layout import DUMP
from lastgood.backup.recipients import unwrap
from lastgood.backup.sealing import unseal
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.backup import Backup, BackupProof
from lastgood.model.problem import Problem
from lastgood.ports.contract import Contracted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from lastgood.app.backups.place import Place
    from lastgood.backup.identity import Identity

    Tell = Callable[[str], None]


def prove_backup(
    place: Place,
    backup: Backup,
    identity: Identity,
    tell: Tell,
    standing: Callable[[Backup, bytes], None] | None = None,
) -> BackupProof:
    """Restore a backup and compare; the proof is kept beside it, whatever it says.

    Args:
        place: where the backup is.
        backup: what is proven.
        identity: whose key opens it.
        tell: is given words of progress.
        standing: called with its data key while the restored copy of a proven one stands, closed:
            it may be copied and kept.

    What speaks against the backup is in the proof. What only kept us from looking (the server does
    not answer, no right to make a database) is raised, and nothing is said of the backup.

    Raises:
        RefusedError: the key is another's (`not-a-recipient`), or no side database can be made.
        RemoteError: the database or the object store did not answer.
    """
    began = time.monotonic()
    key = unwrap(backup.keys, identity, backup.id)
    problems = _restored(place, backup, key, backup.id, tell)
    try:
        problems = problems or _compared(place, backup, backup.id)
        proof = _proof(place, backup, identity, problems, began)
        if proof.restorable:
            unfit = _unfit(place, backup, tell)
            proof = msgspec.structs.replace(proof, unfit=unfit)
        place.kept.prove(proof)
        if proof.restorable and not proof.unfit and standing is not None:
            standing(backup, key)
        return proof
    finally:
        place.database.drop(backup.id)  # one that is kept has another name by now


def _unfit(place: Place, backup: Backup, tell: Tell) -> tuple[Problem, ...]:
    """Why the copy must not be swapped in, as the project's own check says.

    Asked once it is known to be the backup: a release's fault is not taken for the backup's.
    """
    if not isinstance(place.database, Contracted):
        return ()
    unfit = tuple(place.database.contract(backup.id, backup.releases))
    for problem in unfit:
        tell(f"{backup.id} is not to be swapped in: {problem.what}")
    return unfit


def _proof(
    place: Place,
    backup: Backup,
    identity: Identity,
    problems: tuple[Problem, ...],
    began: float,
) -> BackupProof:
    return BackupProof(
        backup=backup.id,
        at=now(),
        restorable=not problems,
        seconds=time.monotonic() - began,
        server=place.database.proof_server(),
        recipient=", ".join(sorted(identity.recipients)),
        problems=problems,
    )


def part_of(place: Place, backup: Backup, key: bytes, name: str) -> Generator[bytes, None, None]:
    """The plain content of a part of a backup.

    Raises:
        RefusedError: it is damaged, or another backup's (`damaged`); also on the way.
    """
    part = next((part for part in backup.parts if part.name == name), None)
    if part is None:
        raise RefusedError(
            f"{backup.id} has no {name}",
            cause="its manifest names none",
            mend="take another backup: lastgood backup list",
            code="damaged",
        )
    header, chunks = unseal(place.store.read(part.key), key)
    if (header.backup, header.part) != (backup.id, part.name):
        raise RefusedError(
            f"what is stored as {name} of {backup.id} is another part, or another backup's",
            cause=f"it says of itself that it is {header.part} of {header.backup}",
            mend="take another backup: lastgood backup list",
            code="damaged",
        )
    yield from chunks


SPEAKS_AGAINST = frozenset({"damaged", "not-sealed", "no-object", "dump-damaged"})
"""Codes of errors that are the backup's own fault."""

RESTORE_FAILED = "pg-restore-failed"
NOT_ITS_FAULT = (
    "no space left",
    "free disk space",
    "ended by signal",
    "connection",
    "shutting down",
    "out of memory",
)
"""What a restore says when it was the server or the machine that failed."""
KILLED = "pg_restore: error: a worker process died unexpectedly"
"""All that it says when one of its processes was killed; else that one says why before."""


def speaking_against(
    place: Place, backup: Backup, key: bytes, side: str, tell: Tell
) -> tuple[Problem, ...]:
    """What a restore of a backup shows against it; its manifest need not be stored yet."""
    problems = _restored(place, backup, key, side, tell)
    try:
        return problems or _compared(place, backup, side)
    finally:
        place.database.drop(side)


def _restored(
    place: Place, backup: Backup, key: bytes, side: str, tell: Tell
) -> tuple[Problem, ...]:
    meter = Meter(tell, "proof", "restored")
    try:
        _read_the_rest(place, backup, key)
        # A proof has time, and may run beside the live database; a restore in an incident has none.
        dump = paced(part_of(place, backup, key, DUMP), place.settings.proof_rate)
        place.database.restore(side, meter.passing(dump), meter.heard)
    except LastgoodError as error:
        if not speaks_against(error):
            raise
        what = f"{error.message}: {error.cause}" if error.cause else error.message
        return (Problem(code=error.code, what=what, mend=error.mend),)
    return ()


def _compared(place: Place, backup: Backup, side: str) -> tuple[Problem, ...]:
    found = place.database.fingerprint(side)
    return (*differences(backup.fingerprint, found), *place.database.verify(side))


def speaks_against(error: LastgoodError) -> bool:
    """Whether it is the backup that failed, and not what it was restored with."""
    if error.code != RESTORE_FAILED:
        return error.code in SPEAKS_AGAINST
    said = f"{error.message} {error.cause}".lower()
    return error.cause != KILLED and not any(words in said for words in NOT_ITS_FAULT)


def _read_the_rest(place: Place, backup: Backup, key: bytes) -> None:
    """Open every other part to its end: a database without its roles is no good night, either."""
    for part in backup.parts:
        if part.name != DUMP:
            for _ in part_of(place, backup, key, part.name):
                pass
