"""pg_dump, as a stream."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lastgood.drivers.database.postgres.client.child import ClientProgram
from lastgood.drivers.database.postgres.client.counting import VERBOSE
from lastgood.drivers.database.postgres.client.private import private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lastgood.drivers.database.postgres.client.address import Target
    from lastgood.drivers.database.postgres.client.programs import Programs
    from lastgood.process.masking import Masker

# Behind a migration that wants a table for itself everybody queues, and we would stand in front.
LOCK_WAIT_MS = 60_000


def dumped(
    programs: Programs,
    target: Target,
    snapshot: str,
    private: Path,
    masker: Masker,
    running: Callable[[ClientProgram], None],
    news: Callable[[str], None] | None = None,
) -> Iterator[bytes]:
    """The dump of a snapshot in the custom format; closing the generator ends pg_dump.

    `running` is told the program, for whoever must end it from elsewhere; `news` each line that it
    prints of what it does.

    Raises:
        ChildError: it failed; what came before is worth nothing.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder(private))
        dsn, variables = target.hand_over(folder)
        argv = [
            programs.path("pg_dump"),
            *("--format=custom", f"--compress={_compression(programs)}", "--no-sync"),
            *("--no-password", f"--lock-wait-timeout={LOCK_WAIT_MS}"),
            *(f"--snapshot={snapshot}", f"--dbname={dsn}"),
            *([VERBOSE] if news else []),
        ]
        program = stack.enter_context(ClientProgram(argv, variables, folder, masker, heard=news))
        running(program)
        yield from program.output()
        program.finish()


def roles(programs: Programs, target: Target, private: Path, masker: Masker) -> bytes:
    """The server's roles as SQL, without passwords.

    Raises:
        ChildError: pg_dumpall failed.
    """
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - a quarter of a second

    with private_folder(private) as folder:
        dsn, variables = target.hand_over(folder)
        argv = [
            programs.path("pg_dumpall"),
            *("--roles-only", "--no-role-passwords", "--no-password", f"--dbname={dsn}"),
            # It takes no name from the address; as an address a name may hold anything.
            f"--database={make_conninfo(dbname=target.keywords['dbname'])}",
        ]
        with ClientProgram(argv, variables, folder, masker) as program:
            text = b"".join(program.output())
            program.finish()
    return text


def _compression(programs: Programs) -> str:
    # Low levels: a backup is as fast as its compression. Before 16 the option takes a level only.
    first_with_methods = 16
    if programs.compression == "zstd":
        return "zstd:3"
    return "gzip:3" if programs.major >= first_with_methods else "3"
