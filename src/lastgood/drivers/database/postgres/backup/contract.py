"""The project's own check of a restored copy: a command that is told where the copy is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lastgood.errors import ChildError
from lastgood.model.problem import Problem
from lastgood.process.guarded import GuardedChildren
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lastgood.drivers.database.postgres.options import Contract
    from lastgood.process.masking import Masker

COMMIT = "{commit}"
_LONGEST = 600


def broken(
    contract: Contract,
    url: str,
    releases: Mapping[str, str],
    where: tuple[Path, Path],
    masker: Masker,
) -> list[Problem]:
    """What the command says against a copy.

    Args:
        contract: the command.
        url: the copy's address, which only the command's environment holds.
        releases: what was live at the copy's snapshot, by service.
        where: the folder in which it runs, and the one where it is noted that it does.
        masker: hides secrets in what it prints.
    """
    commits = set(releases.values())
    if len(commits) != 1 and any(COMMIT in word for word in contract.command):
        return [
            Problem(
                code="contract-release",
                what="the contract could not be checked: "
                f"{len(commits)} releases were live at the snapshot, and {COMMIT} is one",
                mend=f"let the command find out, without {COMMIT}",
            )
        ]
    argv = [word.replace(COMMIT, next(iter(commits), "")) for word in contract.command]
    try:
        asyncio.run(_run(argv, {contract.url_variable: url}, contract.timeout, where, masker))
    except ChildError as error:
        what = masker.mask(harmless(f"{error.message}: {error.cause}"))[:_LONGEST]
        return [
            Problem(
                code="contract-failed",
                what=f"the contract is not kept: {what}",
                mend="see whether the release or its check is at fault, then verify the backup",
            )
        ]
    return []


async def _run(
    argv: Sequence[str],
    variables: Mapping[str, str],
    timeout_s: float,
    where: tuple[Path, Path],
    masker: Masker,
) -> None:
    base, guards = where
    # Under the guard: it dies with us, and what a killed predecessor left is ended first.
    children = GuardedChildren(guards, "contract", masker)
    try:
        await children.run(argv, timeout=timeout_s, cwd=base, env=variables)
    finally:
        await children.clear()
