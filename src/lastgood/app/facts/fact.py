"""A fact: one thing that a rollback needs, and whether it is so now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from lastgood.errors import LastgoodError


class Fact(Noun, frozen=True, kw_only=True):
    """What was found out about one thing.

    Attributes:
        ok: a rollback is not kept from working by it. A good fact with a mend is a warning.
        what: what was seen.
        mend: what to do about it.
    """

    name: str
    ok: bool
    what: str
    mend: str = ""


def failed(name: str, error: LastgoodError) -> Fact:
    """The fact that something could not be done."""
    what = f"{error.message}: {error.cause}" if error.cause else error.message
    return Fact(name=name, ok=False, what=what, mend=error.mend or "see: lastgood status")
