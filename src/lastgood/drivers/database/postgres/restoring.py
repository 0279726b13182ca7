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
    SELECT pg_catalog.bool_and(pg_catalog.pg_has_role(o.owner, %s)) FROM (
        SELECT relowner FROM pg_catalog.pg_class WHERE relnamespace IN (SELECT oid FROM ours)
        UNION SELECT proowner FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM ours)
        UNION SELECT typowner FROM pg_catalog.pg_type WHERE typnamespace IN (SELECT oid FROM ours)
        UNION SELECT nspowner FROM ours WHERE nspname <> 'public'
        UNION SELECT lomowner FROM pg_catalog.pg_largeobject_metadata) o(owner)"""
_OURS = """
    WITH ours AS (SELECT * FROM pg_catalog.pg_namespace
                   WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')"""
_SET_SINCE = 160_000


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

    Where our role may make every owner's things, owners and rights are restored, and the copy can
    take the live database's place. Where it may not, all belongs to us: enough for a proof.
    """
    if live is None:
        return _ELSEWHERE
    if live.info.parameter_status("is_superuser") == "on":
        return ()
    how = "SET" if live.info.server_version >= _SET_SINCE else "MEMBER"
    row = live.execute(_OURS + _OWNERS, (how,)).fetchone()
    owners = () if row is not None and row[0] is not False else _ELSEWHERE[:2]
    # Only a superuser makes a publication of all tables.
    row = live.execute("SELECT FROM pg_catalog.pg_publication WHERE puballtables").fetchone()
    return owners if row is None else (*owners, "--no-publications")
