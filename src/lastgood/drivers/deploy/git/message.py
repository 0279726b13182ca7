"""The words of the commits that take a service back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import Move

_SHORT = 12


def drop_ends(drop: str) -> tuple[str, str]:
    """The first and the last commit of what is to be taken out."""
    first, dots, last = drop.partition("..")
    return first, last if dots else first


def subject(move: Move) -> str:
    """The first line; nothing of what is taken back is repeated, CI might obey it."""
    if move.method is Method.DROP:
        first, last = drop_ends(move.drop or "")
        row = first[:_SHORT] if first == last else f"{first[:_SHORT]}..{last[:_SHORT]}"
        return f"Take {row} out of {move.service}"
    return f"Roll {move.service} back to {move.target[:_SHORT]}"


def message(move: Move, environment: str, paths: Sequence[str]) -> str:
    """The whole message: what, why it can be trusted, and how to go forward again."""
    if move.method is Method.DROP:
        first, last = drop_ends(move.drop or "")
        what = f"This takes out what {first} to {last} brought, and keeps what came later."
        facts = {"Lastgood-Drop": f"{first}..{last}"}
    else:
        where = f"Below {', '.join(paths)}" if paths else "Everywhere"
        what = f"{where} this carries exactly the files of {move.target}."
        facts = {"Lastgood-Target": move.target}
    again = (
        "To bring the work back once it is mended, revert this commit and add the mend on top;\n"
        "merging the same branch again would silently leave its old changes out."
    )
    facts = {"Lastgood-Environment": environment, "Lastgood-Service": move.service, **facts}
    if move.by:
        facts["Rolled-back-by"] = " ".join(move.by.split())
    trailers = "\n".join(f"{name}: {value}" for name, value in facts.items())
    return f"{subject(move)}\n\n{what}\n\n{again}\n\n{trailers}\n"
