"""`init`: a first configuration from what is found, and the state kept out of git."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lastgood.app.initial.around import HOSTED, look_around
from lastgood.app.initial.ignore import STATE_FOLDER, add_line, must_ignore
from lastgood.app.initial.text import FILL_IN, configuration, ways
from lastgood.app.registry import registry
from lastgood.config import load
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lastgood.app.initial.surroundings import Surroundings
    from lastgood.report.documents import Document

_MOST_COPIES = 1_000


@dataclass(frozen=True, kw_only=True)
class Written:
    """What `init` did, or would do.

    Attributes:
        created: whether the file was written; not in a dry run.
        text: its content.
        backup: where the former file was copied to.
        ignored: the `.gitignore` that keeps the state out of git; None where none is needed.
        exposed: git would take the state all the same: another rule, or a link, is in the way.
    """

    config: Path
    created: bool
    text: str
    around: Surroundings
    backup: Path | None = None
    ignored: Path | None = None
    exposed: bool = False

    @property
    def next(self) -> list[str]:
        """What to do now, in order."""
        steps = [f"fill in what {self.config.name} marks with {FILL_IN}"]
        if not any(ways(part, self.around) for part in self.around.parts):
            steps = [f"say in {self.config.name} how a release is put live: see {FILL_IN}"]
        if self.exposed:
            steps.append(
                f"keep {STATE_FOLDER} out of git yourself; which rule lets it in, says: "
                f"git check-ignore --verbose --no-index {STATE_FOLDER}state.db"
            )
        return [*steps, "lastgood doctor", "lastgood releases import", "lastgood plan"]


def initialise(
    config: Path, *, force: bool, dry_run: bool, hosted: Sequence[Path] = HOSTED
) -> Written:
    """Write a configuration from what is found in its folder; never over another one.

    Args:
        config: the file to write.
        force: replace a file that is there; a copy of it is kept beside it.
        dry_run: only say what would be written.
        hosted: folders below which a project's releases may be.

    Raises:
        RefusedError: there is one already (`config-exists`), or it cannot be written.
    """
    config = config.absolute()
    exists = os.path.lexists(config)
    if exists and not force:
        raise _exists(config)
    if not config.parent.is_dir():
        raise RefusedError(
            f"there is no folder {config.parent}",
            mend="make it, or name another file with --config",
            code="no-folder",
        )
    around, ignore = asyncio.run(_look(config.parent, hosted))
    text = configuration(around)
    if dry_run:
        place = config.parent / ".gitignore" if ignore else None
        return Written(config=config, created=False, text=text, around=around, ignored=place)
    try:
        ignored, exposed = _ignore(config.parent) if ignore else (None, False)
        backup = _write(config, text, replace=exists)
    except FileExistsError as raced:
        raise _exists(config) from raced
    except OSError as error:
        raise RefusedError(
            f"{error.filename or config} cannot be written",
            cause=error.strerror or str(error),
            mend="make room and rights there, or name another file with --config",
            code="not-writable",
        ) from error
    return Written(
        config=config,
        created=True,
        text=text,
        around=around,
        backup=backup,
        ignored=ignored,
        exposed=exposed,
    )


async def _look(folder: Path, hosted: Sequence[Path]) -> tuple[Surroundings, bool]:
    return await look_around(folder, hosted), await must_ignore(folder)


def _ignore(folder: Path) -> tuple[Path | None, bool]:
    """Keep the state out of git; git itself is asked whether that came about."""
    changed = add_line(folder)
    exposed = asyncio.run(must_ignore(folder))
    return (None if exposed else changed), exposed


def _exists(config: Path) -> RefusedError:
    return RefusedError(
        f"{config} is there already, and was left as it is",
        mend="keep it, or write a new one and keep a copy of it with: lastgood init --force",
        code="config-exists",
    )


def _write(config: Path, text: str, *, replace: bool) -> Path | None:
    """Put the file in its place whole or not at all; gives the copy of the former one."""
    draft = config.with_name(f".{config.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        load(draft, registry())  # what we write, we can read
        if not replace:
            os.link(draft, config)  # unlike a rename, it never replaces what came meanwhile
            return None
        backup = _copied(config)
        os.replace(draft, config)  # noqa: PTH105 - the same as Path.replace, named for what it does
        return backup
    finally:
        draft.unlink(missing_ok=True)


def _copied(config: Path) -> Path:
    """A copy of a file beside it, under a name that was free."""
    for number in range(1, _MOST_COPIES):
        copy = config.with_name(f"{config.name}.before-{number}")
        try:
            with config.open("rb") as former, copy.open("xb") as kept:
                shutil.copyfileobj(former, kept)
        except FileExistsError:
            continue
        shutil.copystat(config, copy)
        return copy
    raise FileExistsError(config)


def init_document(written: Written) -> Document:
    """What `init` answers."""
    document: Document = {
        "config": str(written.config),
        "created": written.created,
        "services": [
            {"name": part.name, "deploy": ways(part, written.around), "why": part.why}
            for part in written.around.parts
        ],
        "gitignore": str(written.ignored) if written.ignored else None,
        "backup": str(written.backup) if written.backup else None,
        "next": written.next,
    }
    return document if written.created else {"dry_run": True, **document, "text": written.text}
