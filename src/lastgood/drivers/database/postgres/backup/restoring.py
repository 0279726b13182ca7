"""pg_restore: fed by a stream, and then several at once."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.backup.head import (
    Contents,
    Memory,
    memory_has_files,
    read_ahead,
)
from lastgood.drivers.database.postgres.client.child import ClientProgram
from lastgood.drivers.database.postgres.client.counting import VERBOSE, Counting
from lastgood.drivers.database.postgres.client.private import private_folder
from lastgood.errors import ChildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.backup.head import Head
    from lastgood.drivers.database.postgres.client.address import Target
    from lastgood.drivers.database.postgres.client.programs import Programs
    from lastgood.ports.database import Heard
    from lastgood.process.masking import Masker

# A restored subscription could begin to take what is meant for the live database.
_ALWAYS = ("--exit-on-error", "--no-password", "--no-subscriptions")
_ELSEWHERE = ("--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications")
_OWNERS = """
    WITH ours AS (SELECT * FROM pg_catalog.pg_namespace
                   WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
         owners AS (
        SELECT relowner AS owner FROM pg_catalog.pg_class
         WHERE relnamespace IN (SELECT oid FROM ours)
        UNION SELECT proowner FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
        UNION SELECT typowner FROM pg_catalog.pg_type WHERE typnamespace IN (SELECT oid FROM ours)
        UNION SELECT nspowner FROM ours WHERE nspname <> 'public'
        UNION SELECT lomowner FROM pg_catalog.pg_largeobject_metadata)
    SELECT NOT EXISTS (SELECT FROM owners
                        WHERE pg_catalog.pg_get_userbyid(owner) <> current_user),
           NOT EXISTS (SELECT FROM ours WHERE nspname = 'public'
              AND pg_catalog.pg_get_userbyid(nspowner) NOT IN ('pg_database_owner', current_user)),
           EXISTS (SELECT FROM pg_catalog.pg_publication WHERE puballtables)"""


@dataclass(frozen=True, kw_only=True)
class Restore:
    """A restore of a dump in the custom format into an empty database.

    Attributes:
        leave_out: what of the dump is not restored, as pg_restore's options.
        private: where a folder for passwords is made.
        masker: hides secrets in what pg_restore complains about.
        jobs: how many processes make what follows the rows.
        heard: is told how far it is.
    """

    programs: Programs
    target: Target
    leave_out: Sequence[str]
    private: Path
    masker: Masker
    jobs: int = 1
    heard: Heard | None = None

    def load(self, chunks: Iterable[bytes]) -> None:
        """Load it: the rows from the stream, then what follows them from the head, in parallel.

        Raises:
            ChildError: pg_restore failed; what it made is worth nothing.
        """
        with private_folder(self.private) as folder:
            work = _Work(self, folder)
            if self.jobs == 1 or not memory_has_files():
                work.stream(chunks)
                return
            with read_ahead(iter(chunks), work.contents) as (head, whole):
                if head is None:
                    work.stream(whole)
                else:
                    work.rows(whole, head.contents)
                    work.rest(head)


class _Work:
    """The calls of pg_restore that a restore is made of."""

    def __init__(self, restore: Restore, folder: Path) -> None:
        self._restore = restore
        self._where = folder, restore.masker
        self._dsn, self._variables = restore.target.hand_over(folder)
        self._counting = Counting(restore.heard) if restore.heard else None

    def contents(self, memory: Memory) -> Contents | None:
        """What an archive lists whose begin is in memory; None when that is not all of it."""
        try:
            return Contents.of(self._listed(memory), self._listed(memory, "--section=post-data"))
        except ChildError:
            return None

    def stream(self, chunks: Iterable[bytes], *sections: str) -> None:
        """Restore from a stream, to its end."""
        argv = self._argv(*sections, *([VERBOSE] if self._counting else []))
        with ClientProgram(
            argv, self._variables, *self._where, reads=True, heard=self._counting
        ) as program:
            for chunk in chunks:
                if not program.feed(chunk):
                    program.finish()
                    # It was content with a part; the rest belongs to no dump.
                    raise ChildError(
                        "the dump goes on after its end",
                        cause="pg_restore read a whole dump, and more followed",
                        mend="take another backup: this one is damaged",
                        code="dump-damaged",
                    )
            program.finish()

    def rows(self, chunks: Iterable[bytes], contents: Contents) -> None:
        """Restore what comes before the rows, and the rows."""
        if self._counting is not None:
            self._counting.of(contents.tables)
        self.stream(chunks, "--section=pre-data", "--section=data", "--no-privileges")

    def rest(self, head: Head) -> None:
        """Restore what follows the rows: the rights, too."""
        later = head.contents.later
        if not later:
            return
        if self._counting is not None:
            self._counting.then(len(later))
        with closing(Memory(b"".join(b"%b;\n" % number for number in later))) as wanted:
            descriptors = head.memory.descriptor, wanted.descriptor
            # Not verbose: what several processes print at once is torn apart, errors as well.
            how = f"--jobs={self._restore.jobs}", f"--use-list={wanted.path}", head.memory.path
            argv = self._argv(*how)
            with ClientProgram(argv, self._variables, *self._where, keep=descriptors) as program:
                program.finish()

    def _argv(self, *arguments: str) -> list[str]:
        program = self._restore.programs.path("pg_restore")
        return [program, *_ALWAYS, *self._restore.leave_out, f"--dbname={self._dsn}", *arguments]

    def _listed(self, memory: Memory, *sections: str) -> bytes:
        argv = [self._restore.programs.path("pg_restore"), "--list", *sections, memory.path]
        with ClientProgram(argv, {}, *self._where, keep=(memory.descriptor,)) as program:
            listed = b"".join(program.output())
            program.finish()
        return listed


def left_out(live: Connection[Any] | None) -> tuple[str, ...]:
    """What of a dump is not restored beside the live database, or on another server (None).

    A superuser restores all of it, and so does a role that owns everything: the copy can take the
    live database's place. Otherwise all belongs to our role there, which is enough for a proof: to
    be a member of the other owners does not help, since pg_restore gives them their tables before
    it gives them the right to have any in the schema.
    """
    if live is None:
        return _ELSEWHERE
    if live.info.parameter_status("is_superuser") == "on":
        return ()
    row = live.execute(_OWNERS).fetchone()
    ours_alone, public_is_usual, all_published = row or (False, False, True)
    left = list[str]()
    if not ours_alone:
        left = ["--no-owner", "--no-privileges"]
    elif not public_is_usual:
        # On a server that was upgraded the schema `public` is still the first superuser's.
        left = ["--no-owner"]
    # Only a superuser makes a publication of all tables.
    return (*left, "--no-publications") if all_published else tuple(left)


def without_owners(left: Sequence[str]) -> bool:
    """Whether what is left out keeps the copy from ever taking the live database's place."""
    return "--no-privileges" in left
