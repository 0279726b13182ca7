"""Two scratch databases that exchange their names: what it shows is what a swap would meet."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.template import Template
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.closed.keeping import close
from lastgood.drivers.database.postgres.closed.sides import Sides, role_of
from lastgood.drivers.database.postgres.swap.carrying import carry
from lastgood.drivers.database.postgres.swap.committing import Names
from lastgood.drivers.database.postgres.swap.renaming import Renaming
from lastgood.errors import LastgoodError
from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.process.masking import Masker

_SCRATCH = re.compile(r"rehearsal-([0-9a-f]{8})-[0-9a-f]{8}-(?:live|copy|old)")
# A rehearsal takes seconds.
_FORGOTTEN_S = 3_600.0
_WHAT = "two scratch databases could not exchange their names"


def rehearse(
    live: Address,
    admin: Address,
    connected: Callable[[], AbstractContextManager[Connection[Any]]],
    masker: Masker,
) -> list[Problem]:
    """Swap two empty databases by the statements of a swap; nothing of them is left.

    What a crash leaves is removed by the next rehearsal: it is told by its name, and by the time
    in it from another one that is under way.
    """
    sides = Sides(live.name, admin, masker, elsewhere=False)
    token = f"{int(time.time()):08x}-{secrets.token_hex(4)}"
    ids = [f"rehearsal-{token}-{which}" for which in ("live", "copy", "old")]
    found = list[Problem]()
    try:
        for one in filter(_forgotten, sides.found()):
            sides.drop(one)
        with told(_WHAT, masker):
            with live.connected() as connection:
                owner = role_of(connection)
            for one in ids[:2]:
                sides.create(one, Template(), owner)
            with sides.opened(ids[0]), ExitStack() as stack:
                own, other = (
                    stack.enter_context(live.connected(sides.name(ids[0]))) for _ in range(2)
                )
                main, watcher = (stack.enter_context(connected()) for _ in range(2))
                _exchange(main, watcher, own, Names(*map(sides.name, ids)), connected, masker)
                other.close()
    except LastgoodError as error:
        found.append(_problem("swap-not-rehearsed", error))
    for one in ids:
        try:
            sides.drop(one)
        except LastgoodError as error:
            found.append(_problem("rehearsal-left", error))
    return found


def _forgotten(side: str) -> bool:
    made = _SCRATCH.fullmatch(side)
    return made is not None and time.time() - int(made[1], 16) > _FORGOTTEN_S


def _exchange(
    main: Connection[Any],
    watcher: Connection[Any],
    own: Connection[Any],
    names: Names,
    connected: Callable[[], AbstractContextManager[Connection[Any]]],
    masker: Masker,
) -> None:
    renaming = Renaming(main, watcher, names)
    commit = renaming.commit(connected, masker)
    with renaming.closed(own):
        pass
    with renaming.exchanged():
        carry(main, names.quarantine, names.live)
        close(main, names.quarantine)
        commit.send()
        commit.confirm()


def _problem(code: str, error: LastgoodError) -> Problem:
    return Problem(
        code=code if error.code in {"failed", "refused", "remote"} else error.code,
        what=f"{error.message}: {error.cause}",
        mend=error.mend,
    )
