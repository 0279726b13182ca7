"""Facts about a database: it can be backed up and proven, was lately, and its keys open it."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from lastgood.app.backups.overdue import is_overdue, last_failure
from lastgood.app.backups.place import place_of
from lastgood.app.backups.schedule import schedule_is_kept
from lastgood.app.facts.fact import Fact, failed
from lastgood.app.project import now
from lastgood.backup.recipients import FEWEST, find_recipients, fits
from lastgood.config.duration import spell
from lastgood.errors import LastgoodError
from lastgood.model.backup import BackupKind
from lastgood.model.sealed import RecipientKind
from lastgood.ports.database import KnowsRoom
from lastgood.ports.swapping import Swapping

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.backup.manifest import Reading

QUARTER = timedelta(days=92)
"""A key that opened no backup for so long may be lost: nobody would know."""

UNPROVABLE = frozenset({"no-createdb", "proof-impossible", "no-room"})
CLIENT = "client-"
PROBE = "doctor.probe"


async def database_facts(project: Project, database: str) -> AsyncIterator[Fact]:
    """All that a restore of one database would rest on."""
    settings = project.backups(database)
    if settings is None or settings.store is None:
        yield Fact(
            name=f"{database}: backups",
            ok=True,
            what="none is made: nothing says where they would be kept",
            mend=f"write `backup: {{store: ..., recipients: [...]}}` under databases.{database}",
        )
        return
    place = place_of(project, database)
    for fact in await asyncio.to_thread(lambda: list(_server(place))):
        yield fact
    yield _recipients(project, place)
    if isinstance(place.database, Swapping):
        yield await asyncio.to_thread(_swap, place.name, place.database)
    stored = f"{database}: store"
    try:
        yield await asyncio.to_thread(_store, place)
        read = await asyncio.to_thread(place.kept.all)
        openings = await asyncio.to_thread(place.kept.openings)
    except LastgoodError as error:
        yield failed(stored, error)
        return
    yield _newest(project, place, read)
    for fact in (*_keys(project, place, openings), *_rotation(project, place, read)):
        yield fact
    yield await asyncio.to_thread(partial(_schedule, project, place, read))


def _server(place: Place) -> Iterator[Fact]:
    """That it answers, that a client program fits it, that a backup can be proven."""
    name, client = f"{place.name}: database", f"{place.name}: client program"
    try:
        seen = place.database.facts()
    except LastgoodError as error:
        # A client is looked for once the server has answered.
        yield failed(client if error.code.startswith(CLIENT) else name, error)
        return
    what = f"{seen.name} on {seen.server} answers: PostgreSQL {seen.version}, {seen.bytes:,} bytes"
    yield Fact(name=name, ok=True, what=what)
    rest = [one for one in seen.problems if one.code not in UNPROVABLE]
    yield Fact(
        name=client,
        ok=True,
        what=rest[0].what if rest else f"{seen.client_version} fits it",
        mend=rest[0].mend if rest else "",
    )
    hindrance = next((one for one in seen.problems if one.code in UNPROVABLE), None)
    name = f"{place.name}: can be proven"
    if hindrance is not None:
        yield Fact(name=name, ok=False, what=hindrance.what, mend=hindrance.mend)
        return
    yield Fact(name=name, ok=True, what=f"backups are restored on {place.database.proof_server()}")
    if isinstance(place.database, KnowsRoom):
        yield _room(place.name, place.database)


def _room(database: str, where: KnowsRoom) -> Fact:
    """That another copy fits on the live database's server: its proof, and the way back."""
    name = f"{database}: room"
    try:
        room = where.room()
    except LastgoodError as error:
        return failed(name, error)
    if room.free is None:
        return Fact(
            name=name,
            ok=True,
            what=f"nobody knows whether a copy fits on the server's disk: {room.how}",
            mend=f"say how large that disk is: `disk: 200GB` under databases.{database}",
        )
    what = f"a copy takes {room.needed:,} bytes with a fifth to spare, {room.free:,} are free"
    mend = "make room on the server's disk, or set `warm_target: off`" if room.lacking() else ""
    return Fact(name=name, ok=not mend, what=f"{what} ({room.how})", mend=mend)


def _swap(name: str, database: Swapping) -> Fact:
    """Two empty scratch databases are swapped: a right to swap shows in nothing else."""
    name = f"{name}: can be swapped"
    try:
        found = [*database.rehearse(), *database.obstacles(None)]
    except LastgoodError as error:
        return failed(name, error)
    if not found:
        return Fact(name=name, ok=True, what="a restored copy could take its place: it was tried")
    what = "; ".join(problem.what for problem in found)
    return Fact(name=name, ok=False, what=what, mend=found[0].mend)


def _store(place: Place) -> Fact:
    """A small object is put there, read and removed: rights show in nothing else."""
    key, content = f"{PROBE}/{secrets.token_hex(8)}", b"lastgood doctor was here\n"
    try:
        there = place.store.put_new(key, content) and place.store.get(key) == content
    finally:
        place.store.delete([key])
    name, where = f"{place.name}: store", place.store.describe()
    if there:
        return Fact(name=name, ok=True, what=f"{where} can be written and read")
    what = f"{where} does not give back what was put there"
    return Fact(name=name, ok=False, what=what, mend="see what else writes or caches there")


def _recipients(project: Project, place: Place) -> Fact:
    name = f"{place.name}: recipients"
    try:
        found = find_recipients(place.settings.recipients, project.settings.folder)
    except LastgoodError as error:
        return failed(name, error)
    different = {one.recipient for one in found}
    if len(different) < FEWEST:
        return Fact(
            name=name,
            ok=False,
            what=f"there are {len(different)} of {FEWEST}: a lost key would lose every backup",
            mend="add one whose key lies elsewhere to `recipients`: docs/backups.md",
        )
    if all(one.kind is RecipientKind.AWS_KMS for one in found):
        return Fact(
            name=name,
            ok=False,
            what="every key lies in AWS KMS: without it nobody opens a backup",
            mend="add one that opens by hand, `age:age1...`, to `recipients`: docs/backups.md",
        )
    return Fact(name=name, ok=True, what=f"{len(different)} can open a backup")


def _newest(project: Project, place: Place, read: Reading) -> Fact:
    name, every = f"{place.name}: newest backup", place.settings.every
    mend = "see why: lastgood backup create, and lastgood backup list"
    failure = last_failure(project, place.name)
    why = f"; the last try: {failure.text}" if failure is not None else ""
    newest = _latest(read)
    if newest is None:
        what = f"no backup is proven yet{why}"
        return Fact(name=name, ok=False, what=what, mend="make one: lastgood backup create")
    age = max(0.0, (now() - newest).total_seconds())
    said = f"the newest proven one is of {newest:%Y-%m-%d %H:%M:%S} UTC, {age / 3600:.1f} h ago"
    if is_overdue(newest, every, now()):
        what = f"overdue: {said}, one is due every {spell(every)}{why}"
        return Fact(name=name, ok=False, what=what, mend=mend)
    return Fact(name=name, ok=True, what=f"{said}{why}", mend=mend if why else "")


def _latest(read: Reading) -> datetime | None:
    proven = (one.backup.created_at for one in read.backups if one.restorable)
    return max(proven, default=None)


def _keys(project: Project, place: Place, openings: dict[str, datetime]) -> Iterator[Fact]:
    """That every recipient's key has opened a backup within a quarter, also the one elsewhere."""
    for written in place.settings.recipients:
        try:
            (recipient,) = find_recipients([written], project.settings.folder)
        except LastgoodError:
            continue  # said of the recipients
        in_kms = recipient.kind is RecipientKind.AWS_KMS
        # Of an ARN the beginning is everybody's.
        short = recipient.recipient.rpartition(":")[2] if in_kms else recipient.recipient
        name = f"{place.name}: key {short[:24]}"
        last = openings.get(recipient.recipient)
        if last is not None and now() - last <= QUARTER:
            yield Fact(name=name, ok=True, what=f"opened a backup on {last:%Y-%m-%d}")
            continue
        when = f"since {last:%Y-%m-%d}" if last else "yet"
        yield Fact(
            name=name,
            ok=False,
            what=f"{recipient.recipient} has opened no backup {when}: nobody knows that it can",
            mend=f"try it: lastgood backup verify --key {written}"
            if in_kms
            else "fetch the key and try it: lastgood backup verify --key FILE",
        )


def _rotation(project: Project, place: Place, read: Reading) -> Iterator[Fact]:
    """That a key which was taken out, or one that was added, is so for the backups that are there.

    It may be meant so: what is said keeps nobody from a rollback.
    """
    try:
        recipients = find_recipients(place.settings.recipients, project.settings.folder)
    except LastgoodError:
        return  # said of the recipients
    others = sum(not fits(one.backup.keys, recipients) for one in read.backups)
    if others:
        yield Fact(
            name=f"{place.name}: rotation",
            ok=True,
            what=f"{others} of {len(read.backups)} backups are for other keys than `recipients`",
            mend="wrap them for those: lastgood backup rewrap",
        )


def _schedule(project: Project, place: Place, read: Reading) -> Fact:
    """That backups are made without anybody asking: by a worker, or by cron."""
    name, every = f"{place.name}: schedule", place.settings.every
    if schedule_is_kept(project.state.folder):
        return Fact(name=name, ok=True, what=f"a worker makes one every {spell(every)}")
    by_itself = (
        one.backup.created_at
        for one in read.backups
        if one.backup.kind is BackupKind.SCHEDULED
        and not is_overdue(one.backup.created_at, every, now())
    )
    last = max(by_itself, default=None)
    if last is not None:
        what = f"no worker lives here; one was made on schedule at {last:%Y-%m-%d %H:%M:%S} UTC"
        return Fact(name=name, ok=True, what=what)
    return Fact(
        name=name,
        ok=False,
        what="nobody makes backups: no worker lives, and none was made on schedule lately",
        mend="lastgood worker, best as a service: docs/worker.md; or `backup create --if-due` "
        "by cron",
    )
