"""The rehearsal of a way down: the new release's migrations, up and down on a throwaway copy.

Whatever comes of it speaks of the migrations and never against the backup: it is told, remembered,
and kept beside the backup, where a later rollback finds it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from lastgood.app.backups.proving import part_of
from lastgood.app.backups.tidying import proof_turn
from lastgood.app.project import now, operator
from lastgood.backup.comparing import differences
from lastgood.backup.layout import MIGRATIONS, new_id
from lastgood.backup.migrations import unpack
from lastgood.errors import ChildError, LastgoodError, RefusedError
from lastgood.model.problem import Problem
from lastgood.model.rehearsal import Rehearsal
from lastgood.ports.migrating import Migrating
from lastgood.process.guarded import GuardedChildren
from lastgood.process.masking import harmless
from lastgood.report.backups import rehearsal_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.model.backup import Backup
    from lastgood.ports.migrating import Schema, Scripts

    Tell = Callable[[str], None]

REHEARSED = "backup.rehearsed"
MOST_WORDS = 20
BY_HAND = "see the release's migrations: without a way down only a copy brings the database back"


def rehearse(
    project: Project, place: Place, backup: Backup, key: bytes, tell: Tell
) -> Rehearsal | None:
    """Try the migrations that are kept with a backup, while its restored copy stands, closed.

    Gives what came of it; None where none are kept.

    Args:
        project: whose database it is.
        place: where the backup is.
        backup: with the migrations; one without them has nothing to try.
        key: its data key.
        tell: is told what came of it.
    """
    if all(part.name != MIGRATIONS for part in backup.parts):
        return None
    began = time.monotonic()
    trial = Trial(project, place, backup, key)
    try:
        tried = trial.whole()
    except LastgoodError as error:
        tried = trial.failed(error)
    rehearsal = Rehearsal(
        backup=backup.id, at=now(), seconds=time.monotonic() - began, reversible=not tried,
        lower=backup.schema_revision, upper=trial.upper, down_s=trial.down_s, problems=tried,
        goes=trial.goes, tables=trial.tables,
    )  # fmt: skip
    try:
        place.kept.rehearse(rehearsal)
    except LastgoodError as error:
        tell(f"what the rehearsal of {backup.id} showed could not be kept: {error}")
    text = rehearsal_text(rehearsal)
    project.state.events.append(
        REHEARSED, operator(), f"{backup.id} of {place.name}: {text}",
        at=now(), environment=project.name,
        data={
            "database": place.name, "backup": backup.id,
            "reversible": str(rehearsal.reversible).lower(),
        },
    )  # fmt: skip
    tell(f"{backup.id}: {text}")
    return rehearsal


class Trial:
    """One rehearsal, as far as it comes.

    Attributes:
        upper: the revision that the schema was brought to.
        down_s: seconds of the way down.
        goes: what it takes away beside rows.
        tables: the tables that it takes away.
    """

    def __init__(self, project: Project, place: Place, backup: Backup, key: bytes) -> None:
        self._project = project
        self._place = place
        self._backup = backup
        self._key = key
        self.upper: str | None = None
        self.down_s = 0.0
        self.goes: tuple[str, ...] = ()
        self.tables: tuple[str, ...] = ()

    def whole(self) -> tuple[Problem, ...]:
        """Up and down on a copy that is gone afterwards; what speaks against it.

        Raises:
            LastgoodError: it could not be tried to its end.
        """
        database, backup = self._place.database, self._backup
        if not isinstance(database, Migrating):
            return (_problem("no-tool", "the database's driver runs no migrations"),)
        if reason := database.why_unmigrated():
            return (_problem("no-tool", reason),)
        lower = backup.schema_revision
        if lower is None or "," in lower:
            said = "names no revision" if lower is None else f"has several heads, {lower}"
            return (_problem("no-revision", f"the database {said}: no way down to it"),)
        archive = b"".join(part_of(self._place, backup, self._key, MIGRATIONS))
        side = new_id(now())
        # As a proof does: what a crash leaves is found by the next backup.
        with proof_turn(self._project, self._place, side):
            try:
                database.copy_side(backup.id, side)
                return self._up_and_down(database, side, archive, lower)
            except LastgoodError as error:  # an end of our turn like any other
                return self.failed(error)
            finally:
                self._place.database.drop(side)

    def failed(self, error: LastgoodError) -> tuple[Problem, ...]:
        """What speaks against it when it could not be tried to its end."""
        what = f"{error.message}: {error.cause}" if error.cause else error.message
        return (Problem(code=error.code, what=what, mend=error.mend or BY_HAND),)

    def _up_and_down(
        self, database: Migrating, side: str, archive: bytes, lower: str
    ) -> tuple[Problem, ...]:
        def laid_out(folder: Path) -> None:
            unpack([archive], folder)

        before = database.schema(side)
        with database.scripts(laid_out, side) as scripts:
            self._run(scripts, scripts.up())
        above = database.schema(side)
        self.upper = above.revision
        if self.upper is None:
            return (_problem("no-revision", "alembic says yes, and the database no revision"),)
        began = time.monotonic()
        with database.scripts(laid_out, side) as scripts:
            self._run(scripts, scripts.down(lower))
        self.down_s = time.monotonic() - began
        below = database.schema(side)
        problems = tuple(self._differences(before, below, side))
        if not problems:
            self.tables = tuple(sorted(above.columns.keys() - below.columns.keys()))
            self.goes = tuple(_going(above, below))
        return problems

    def _run(self, scripts: Scripts, argv: list[str]) -> None:
        """Run the tool under a guard; it dies with us.

        Raises:
            ChildError: it failed, or took too long.
        """
        project = self._project
        for secret in scripts.secrets:
            project.masker.add(secret)

        async def run() -> None:
            tag = f"rehearsal.{project.name}.{self._place.name}.{self._backup.id}"
            children = GuardedChildren(project.state.folder / "guards", tag, project.masker)
            try:
                await children.run(argv, timeout=scripts.limit_s, cwd=scripts.cwd, env=scripts.env)
            finally:
                await children.clear()

        try:
            asyncio.run(run())
        except ChildError as error:
            direction = argv[len(scripts.command)]
            raise RefusedError(
                f"alembic {direction} failed"
                if error.code == "child-failed"
                else f"alembic {direction} could not be tried: {error.code}",
                cause=_words(error),
                mend=BY_HAND,
                code=f"{direction}-failed",
            ) from error

    def _differences(self, before: Schema, below: Schema, side: str) -> Iterator[Problem]:
        found = self._place.database.fingerprint(side)
        for one in differences(self._backup.fingerprint, found):
            what = one.what
            if one.code == "shape-differs":
                what = f"not the same any more: {', '.join(_changed(before, below))}"
            yield _problem("not-reversible", f"down again, {what}")
        if below.revision != before.revision:
            yield _problem("not-reversible", f"down again it is at {below.revision or 'nothing'}")


def _words(error: ChildError) -> str:
    """What a tool said, in one line, without where in its scripts it was."""
    said = [line for line in error.cause.splitlines() if not line.startswith((" ", "Traceback"))]
    return " ".join(" ".join(said).split()) or " ".join(error.cause.split()) or error.message


def _changed(before: Schema, below: Schema) -> list[str]:
    """Of which things the definitions differ: kind and name of each."""
    differing = sorted({*before.lines} ^ {*below.lines})
    names = dict.fromkeys(harmless(line.partition(": ")[0]) for line in differing)
    return list(names)[:MOST_WORDS]


def _going(above: Schema, below: Schema) -> Iterator[str]:
    """The tables, and the columns of others, that are there above only."""
    for table, columns in sorted(above.columns.items()):
        if table not in below.columns:
            yield harmless(f"table {table}")
            continue
        gone = [name for name in columns if name not in below.columns[table]]
        yield from (harmless(f"column {table}.{name}") for name in gone)


def _problem(code: str, what: str) -> Problem:
    return Problem(code=code, what=what, mend=BY_HAND)
