"""Going back by the server's files: the options of `lastgood db restore` for that."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lastgood.errors import UsageError

PhysicalOption = Annotated[
    bool,
    typer.Option("--physical", help="By pgBackRest: the whole server goes back, and is down then."),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="With --physical: to this moment, e.g. 2026-11-22T03:15:00Z."),
]
ServerOption = Annotated[
    bool,
    typer.Option("--whole-server", help="With --physical: other databases may go back, too."),
]


def physical_words(
    backup: str | None, at: str | None, *, physical: bool, whole_server: bool
) -> dict[str, Any]:
    """What is asked for, in the words of `Data`.

    Raises:
        UsageError: the options do not go together, or the moment is none.
    """
    from lastgood.app.databases.rewinding import moment  # noqa: PLC0415 - only when it runs

    if not physical:
        if at is not None or whole_server:
            raise UsageError("--at and --whole-server are of --physical", mend="add --physical")
        return {}
    if at is not None and backup is not None:
        raise UsageError("--at and --backup exclude each other", mend="give one")
    named = moment(at) if at is not None else None
    return {"physical": True, "at": named, "whole_server": whole_server}
