"""Facts that are found out together, side by side with other groups, within a time limit.

Each group runs in a thread and an event loop of its own: a driver that blocks (a network drive that
is gone, a lock that nobody frees) keeps back its own group only, and not the end of the program.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.facts.fact import Fact, failed
from lastgood.errors import LastgoodError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

GRACE_S = 15.0
"""What a group that was stopped may take to end its children."""


class Group(NamedTuple):
    """Facts by what they are about.

    Attributes:
        name: of the group; a fact of this name says when it could not be looked at.
        limit_s: seconds for all of it.
        facts: looks, and gives each fact as soon as it is known.
    """

    name: str
    limit_s: float
    facts: Callable[[], AsyncIterator[Fact]]


async def gather(groups: Sequence[Group], *, grace_s: float = GRACE_S) -> list[Fact]:
    """The facts of all groups in their order; what was found before a time limit counts."""
    found = await asyncio.gather(*(_bounded(group, grace_s) for group in groups))
    return [fact for facts in found for fact in facts]


async def _bounded(group: Group, grace_s: float) -> list[Fact]:
    facts: list[Fact] = []
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        try:
            asyncio.run(_collect(group, facts))
        finally:
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=work, name=f"facts {group.name}", daemon=True).start()
    try:
        async with asyncio.timeout(group.limit_s + grace_s):
            await ended.wait()
    except TimeoutError:
        return [*facts, _late(group)]
    return facts


async def _collect(group: Group, facts: list[Fact]) -> None:
    try:
        async with asyncio.timeout(group.limit_s):
            async for fact in group.facts():
                facts.append(fact)  # noqa: PERF401 - each counts at once
    except TimeoutError:
        facts.append(_late(group))
    except LastgoodError as error:
        facts.append(failed(group.name, error))
    except Exception as broken:  # noqa: BLE001 - one broken driver must not hide the others' facts
        what = f"looking at it broke: {type(broken).__name__}: {broken}"
        mend = "this is a fault of the driver or of lastgood: report it with this line"
        facts.append(Fact(name=group.name, ok=False, what=what, mend=mend))


def _late(group: Group) -> Fact:
    return Fact(
        name=group.name,
        ok=False,
        what=f"looking at it did not end within {group.limit_s:g} s",
        mend="see what it waits for: the network, a disk, a command; then lastgood doctor again",
    )
