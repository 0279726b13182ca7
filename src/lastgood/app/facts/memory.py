"""Facts about lastgood's own state: it can be kept, it is private, its events are as written."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lastgood.app.facts.fact import Fact
from lastgood.app.project import now
from lastgood.store.files import write_private

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lastgood.app.project import Project

MOST_AHEAD = timedelta(seconds=5)
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
FREE_BYTES = 100_000_000
FREE_FILES = 1_000
_FOR_OTHERS = 0o077
_WRITING_FOR_OTHERS = 0o022


async def memory_facts(project: Project) -> AsyncIterator[Fact]:
    """The state, made where there is none yet: that is the proof that it can be."""
    state = project.state
    with state.transaction():
        pass  # takes the write lock: a read-only state says so here
    probe = state.folder / "doctor.probe"
    write_private(probe, "lastgood doctor was here\n")
    probe.unlink(missing_ok=True)
    yield Fact(name="state", ok=True, what=f"{state.path} can be written")
    yield _privacy(state.path)
    yield _room(state.folder)
    newest = state.events.tail(1)
    yield _clock(newest[0].at if newest else None)


async def event_facts(project: Project) -> AsyncIterator[Fact]:
    """The whole file, and every event compared with its hash: years of them take a while."""
    state = project.state
    damage = state.damage()
    yield Fact(
        name="state is whole",
        ok=damage is None,
        what=f"SQLite finds a fault in {state.path}: {damage}"
        if damage
        else "SQLite finds no fault in it",
        mend=f"keep a copy of {state.path}, put its newest backup in its place: docs/state.md"
        if damage
        else "",
    )
    checked = state.events.verify()
    if checked.ok:
        yield Fact(name="events", ok=True, what=f"the chain of {checked.count} events is whole")
        return
    yield Fact(
        name="events",
        ok=False,
        what=f"event {checked.first_bad} is not as it was written: {checked.what}",
        mend=f"keep a copy of {state.path}, find out who changed it, and put a backup in its "
        "place; until then believe no record after that event",
    )


def _privacy(path: Path) -> Fact:
    """Only we may write it; that others may list the folder is a warning."""
    companions = (path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-shm"))
    open_files = [one for one in companions if one.exists() and _mode(one) & _FOR_OTHERS]
    folder = _mode(path.parent)
    if open_files:
        names = " ".join(map(str, open_files))
        return Fact(
            name="state is private",
            ok=False,
            what="others on this machine may read or write the state",
            mend=f"chmod 600 {names}",
        )
    if folder & _WRITING_FOR_OTHERS:
        return Fact(
            name="state is private",
            ok=False,
            what=f"others may put another state into {path.parent} (mode {folder:04o})",
            mend=f"chmod 700 {path.parent}",
        )
    warn = f"chmod 700 {path.parent}" if folder & _FOR_OTHERS else ""
    what = "the state is for its owner alone"
    if warn:
        what += f", though others may look into {path.parent} (mode {folder:04o})"
    return Fact(name="state is private", ok=True, what=what, mend=warn)


def _room(folder: Path) -> Fact:
    seen = os.statvfs(folder)
    free = seen.f_bavail * seen.f_frsize
    lacking = free < FREE_BYTES or (seen.f_files and seen.f_favail < FREE_FILES)
    return Fact(
        name="disk",
        ok=not lacking,
        what=f"{free // 1_000_000:,} MB and {seen.f_favail:,} files are free in {folder}",
        mend=f"make room: df -h -i {folder}" if lacking else "",
    )


def _clock(newest: datetime | None) -> Fact:
    """As far as this machine can tell by itself: not before what it has written already."""
    at = now()
    mend = "set the clock, and let it be kept right: timedatectl status"
    if at < EARLIEST:
        what = f"the clock says {at:%Y-%m-%d %H:%M}, which has long been"
        return Fact(name="clock", ok=False, what=what, mend=mend)
    if newest is not None and newest - at > MOST_AHEAD:
        ahead = (newest - at).total_seconds()
        what = f"the newest event is {ahead:,.0f} s in the future: the clock went back since"
        return Fact(name="clock", ok=False, what=what, mend=mend)
    return Fact(name="clock", ok=True, what=f"{at:%Y-%m-%d %H:%M:%S} UTC, after every event")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
