"""pg_restore, fed by a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.child import ClientProgram
from lastgood.drivers.database.postgres.private import private_folder
from lastgood.errors import ChildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.address import Target
    from lastgood.drivers.database.postgres.programs import Programs
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


def loaded(
    programs: Programs,
    target: Target,
    chunks: Iterable[bytes],
    leave_out: Sequence[str],
    private: Path,
    masker: Masker,
) -> None:
    """Load a dump in the custom format into an empty database.

    Raises:
        ChildError: pg_restore failed; what it made is worth nothing.
    """
    with private_folder(private) as folder:
        dsn, variables = target.hand_over(folder)
        argv = [programs.path("pg_restore"), *_ALWAYS, *leave_out, f"--dbname={dsn}"]
        with ClientProgram(argv, variables, folder, masker, reads=True) as program:
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
