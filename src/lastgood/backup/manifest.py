"""The backups of one database in the store: what has a manifest is whole.

A backup's parts are stored first and its manifest last, by put-if-absent; it is removed in the
opposite order. So a crash at any point leaves a whole backup, or objects without a manifest, which
are found and removed when they are old enough to be nobody's work any more.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from lastgood.backup.layout import MANIFEST, OPENED, PIN, PROOF, REHEARSAL, is_id
from lastgood.backup.reading import (
    DamagedError,
    Opening,
    backup_in,
    opening_in,
    pin_in,
    proof_in,
    rehearsal_in,
)
from lastgood.errors import RefusedError
from lastgood.model.backup import StoredBackup
from lastgood.model.noun import from_json, to_json
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from lastgood.model.backup import Backup, BackupProof
    from lastgood.model.rehearsal import Rehearsal
    from lastgood.model.sealed import WrappedKey
    from lastgood.ports.objects import ObjectStore, Stored

AT_ONCE = 8
# A backup that runs for longer is named as in use by whoever runs it.
GRACE = timedelta(days=1)


class Leftover(NamedTuple):
    """Objects of a backup that was never finished, or only half removed."""

    id: str
    keys: tuple[str, ...]
    bytes: int
    at: datetime


class Reading(NamedTuple):
    """What is in the store.

    Attributes:
        backups: the whole ones, the oldest first.
        problems: what is damaged, not whole, or not ours; none of it is counted as a backup.
    """

    backups: tuple[StoredBackup, ...]
    problems: tuple[Problem, ...]


class Backups:
    """The backups of one database of one environment."""

    def __init__(self, store: ObjectStore, environment: str, database: str) -> None:
        self._store = store
        self._environment = environment
        self._database = database

    def key(self, backup: str, name: str) -> str:
        """Where a part or a document of a backup lies."""
        return f"{self._environment}/{self._database}/{backup}/{name}"

    def commit(self, backup: Backup) -> None:
        """Write the manifest, once every part is there; from now on it is a backup.

        Done twice it is the same. Raises:
            RefusedError: a part is missing (`parts-missing`), or there is another manifest
                (`backup-exists`).
        """
        there = {one.key: one.bytes for one in self._listed(backup.id)}
        missing = _missing(backup, there)
        if missing:
            raise RefusedError(
                f"the backup {backup.id} is not whole",
                cause=f"the store does not have {', '.join(missing)} as it was put there",
                mend="back up again; see that nobody else deletes there",
                code="parts-missing",
            )
        if not self._store.put_new(self.key(backup.id, MANIFEST), to_json(backup).encode()):
            raise RefusedError(
                f"there is another backup named {backup.id}",
                cause="its manifest is in the store already, and says something else",
                mend="back up again",
                code="backup-exists",
            )

    def rewrite(self, before: Backup, keys: tuple[WrappedKey, ...]) -> None:
        """Say in a backup's manifest for whom its key is wrapped now, and nothing else.

        It is the one manifest or the other at every moment, and was read back when this returns.
        What a newer version wrote into it stays.

        Raises:
            RefusedError: it is not as it was read any more (`backup-changed`): another one wrapped
                its keys, or it was removed.
        """
        key = self.key(before.id, MANIFEST)
        with suppress(RefusedError):  # removed
            was = self._store.get(key)
            said = to_json({**from_json(was, dict), "keys": keys}).encode()
            if (
                backup_in(was) == before
                and self._store.exchange(key, was, said)
                and self._store.get(key) == said
            ):
                return
        raise RefusedError(
            f"the manifest of {before.id} changed meanwhile",
            cause="somebody else wraps its keys anew, or it was removed",
            mend="do it again",
            code="backup-changed",
        )

    def prove(self, proof: BackupProof) -> None:
        """Keep what a restore showed beside the backup; a newer one takes its place.

        Also beside one whose parts are gone or cut off: that is what a proof is for.
        """
        self.read(proof.backup, whole=False)
        self._store.replace(self.key(proof.backup, PROOF), to_json(proof).encode())

    def rehearse(self, rehearsal: Rehearsal) -> None:
        """Keep what came of trying its migrations beside the backup; a newer one takes its place.

        Raises:
            RefusedError: there is no such backup (`no-backup`).
        """
        self.read(rehearsal.backup)
        self._store.replace(self.key(rehearsal.backup, REHEARSAL), to_json(rehearsal).encode())

    def opened(self, recipients: Iterable[str], at: datetime) -> None:
        """Keep that these recipients' keys opened a backup: it outlives the backup itself."""
        for recipient in recipients:
            name = hashlib.sha256(recipient.encode()).hexdigest()[:32]
            opening = Opening(recipient=recipient, at=at)
            self._store.replace(self.key(OPENED, name), to_json(opening).encode())

    def openings(self) -> dict[str, datetime]:
        """When each recipient's key last opened a backup here; what cannot be read tells nothing.

        Raises:
            RemoteError: the store does not answer.
        """
        found: dict[str, datetime] = {}
        for one in self._listed(OPENED):
            try:
                DamagedError.unless_small(OPENED, one.bytes)
                opening = opening_in(self._store.get(one.key))
            except RefusedError:  # damaged, or removed just now
                continue
            found[opening.recipient] = max(opening.at, found.get(opening.recipient, opening.at))
        return found

    def pin(self, backup: str, why: str) -> None:
        """Keep a backup until it is unpinned."""
        self.read(backup)
        self._store.replace(self.key(backup, PIN), to_json({"why": why or "pinned"}).encode())

    def unpin(self, backup: str) -> None:
        """Let retention decide again."""
        self._store.delete([self.key(backup, PIN)])

    def read(self, backup: str, *, whole: bool = True) -> StoredBackup:
        """One backup.

        Args:
            backup: its id.
            whole: whether every part must be there as the manifest says; else a restore shows it.

        Raises:
            RefusedError: there is none of this name (`no-backup`), or it is damaged or not ours.
        """
        found = self._listed(backup) if is_id(backup) else []
        if self.key(backup, MANIFEST) not in {one.key for one in found}:
            raise RefusedError(
                f"there is no backup {backup[:60]!r} of {self._database}",
                cause=f"{self._store.describe()} has no manifest of that name",
                mend="see which there are: lastgood backup list",
                code="no-backup",
            )
        stored, problems = self._stored(backup, found, whole=whole)
        if stored is None:
            raise RefusedError(
                problems[0].what,
                cause="what its manifest says and what is in the store do not fit",
                mend=problems[0].mend,
                code=problems[0].code,
            )
        return stored

    def finished(self) -> list[str]:
        """All that were ever finished, whether or not they are whole still; the oldest first."""
        return sorted(self._finished(self._folders()[0]))  # an id begins with its time

    def newest(self) -> str | None:
        """The newest of those; None without any."""
        return max(self.finished(), default=None)

    def _finished(self, folders: dict[str, list[Stored]]) -> dict[str, list[Stored]]:
        return {
            backup: objects
            for backup, objects in folders.items()
            if self.key(backup, MANIFEST) in {one.key for one in objects}
        }

    def all(self) -> Reading:
        """Every backup; what is damaged is a problem, and hides none of the others.

        Raises:
            RemoteError: the store does not answer: that is not the same as having no backups.
        """
        folders, foreign = self._folders()
        whole = self._finished(folders)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            read = list(pool.map(self._stored, whole, whole.values()))
        problems = [*map(_foreign, foreign), *(one for _, found in read for one in found)]
        backups = sorted(
            (stored for stored, _ in read if stored is not None),
            key=lambda one: (one.backup.created_at, one.backup.id),
        )
        return Reading(tuple(backups), tuple(problems))

    def remove(self, backup: str) -> None:
        """Remove a backup: first its manifest, so that what is left is no backup.

        Raises:
            RefusedError: it is pinned (`pinned`), or there is none (`no-backup`).
        """
        stored = self.read(backup)
        if stored.pinned:
            raise RefusedError(
                f"the backup {backup} is pinned",
                cause=stored.pinned,
                mend=f"lastgood backup pin --remove {backup}",
                code="pinned",
            )
        self._store.delete([self.key(backup, MANIFEST)])
        self._store.delete(one.key for one in self._listed(backup))

    def leftovers(self, now: datetime, in_use: Collection[str] = ()) -> list[Leftover]:
        """What backups that were never finished, or half removed, left here.

        Args:
            now: the time.
            in_use: backups that somebody is making.
        """
        folders, _ = self._folders()
        found = []
        for backup, objects in folders.items():
            keys = tuple(one.key for one in objects)
            newest = max(one.at for one in objects)
            if self.key(backup, MANIFEST) in keys or backup in in_use or newest + GRACE > now:
                continue
            found.append(Leftover(backup, keys, sum(one.bytes for one in objects), newest))
        return found

    def sweep(self, leftovers: Iterable[Leftover]) -> list[Leftover]:
        """Remove leftovers, except those that became a backup meanwhile; gives what went."""
        gone = []
        for leftover in leftovers:
            manifest = self.key(leftover.id, MANIFEST)
            if manifest not in {one.key for one in self._listed(leftover.id)}:
                self._store.delete(leftover.keys)
                gone.append(leftover)
        return gone

    def _listed(self, backup: str) -> list[Stored]:
        return self._store.list(f"{self._environment}/{self._database}/{backup}")

    def _folders(self) -> tuple[dict[str, list[Stored]], list[str]]:
        """The objects of each backup, and what lies here without being of any."""
        folders: dict[str, list[Stored]] = {}
        foreign = []
        for one in self._store.list(f"{self._environment}/{self._database}"):
            backup, slash, _ = one.key.split("/", 2)[2].partition("/")
            if slash and is_id(backup):
                folders.setdefault(backup, []).append(one)
            elif not slash or backup != OPENED:
                foreign.append(one.key)
        return folders, foreign

    def _stored(
        self, backup: str, found: Sequence[Stored], *, whole: bool = True
    ) -> tuple[StoredBackup | None, list[Problem]]:
        """A backup as its documents say it, with what is wrong with them."""
        there = {one.key: one.bytes for one in found}
        try:
            manifest = backup_in(self._document(backup, MANIFEST, there))
            _refuse_foreign(manifest, backup, self)
            if whole:
                _refuse_incomplete(manifest, there)
        except DamagedError as damage:
            return None, [damage.problem(backup)]
        problems: list[Problem] = []
        proof, pinned, rehearsal = None, "", None
        try:
            if self.key(backup, PROOF) in there:
                proof = proof_in(self._document(backup, PROOF, there), backup)
        except DamagedError as damage:  # then it is not proven
            problems.append(damage.problem(backup))
        try:
            if self.key(backup, PIN) in there:
                pinned = pin_in(self._document(backup, PIN, there))
        except DamagedError as damage:  # somebody wanted it to stay
            pinned = "pinned; why cannot be read"
            problems.append(damage.problem(backup))
        try:
            if self.key(backup, REHEARSAL) in there:
                rehearsal = rehearsal_in(self._document(backup, REHEARSAL, there), backup)
        except DamagedError as damage:  # then its way down is not rehearsed
            problems.append(damage.problem(backup))
        stored = StoredBackup(backup=manifest, proof=proof, pinned=pinned, rehearsal=rehearsal)
        return stored, problems

    def _document(self, backup: str, name: str, there: dict[str, int]) -> bytes:
        key = self.key(backup, name)
        DamagedError.unless_small(name, there[key])
        try:
            return self._store.get(key)
        except RefusedError as gone:  # removed since it was listed
            raise DamagedError("incomplete", f"its {name} was removed just now") from gone


def _refuse_foreign(manifest: Backup, backup: str, backups: Backups) -> None:
    where = backups.key(manifest.id, "")
    if manifest.id != backup or where != f"{manifest.environment}/{manifest.database}/{backup}/":
        raise DamagedError("foreign-manifest", "its manifest is of another backup")
    names = [part.name for part in manifest.parts]
    if len(set(names)) != len(names) or any(
        part.key != backups.key(backup, part.name) or "/" in part.name for part in manifest.parts
    ):
        raise DamagedError("foreign-manifest", "its manifest names objects that are not its own")


def _refuse_incomplete(manifest: Backup, there: dict[str, int]) -> None:
    missing = _missing(manifest, there)
    if missing:
        said = f"it has not {', '.join(missing)} as its manifest says"
        raise DamagedError("incomplete", said)


def _missing(backup: Backup, there: dict[str, int]) -> list[str]:
    return [part.name for part in backup.parts if there.get(part.key) != part.bytes]


def _foreign(key: str) -> Problem:
    return Problem(
        code="foreign-object",
        what=f"{key} is not of lastgood",
        mend="nothing is done to it; move it elsewhere",
    )
