"""A problem: something that stands in the way, with its mend."""

from __future__ import annotations

from lastgood.model.noun import Noun


class Problem(Noun, frozen=True, kw_only=True):
    """What is wrong, why, and what mends it.

    Attributes:
        code: a stable kebab-case name for programs.
    """

    code: str
    what: str
    mend: str = ""
