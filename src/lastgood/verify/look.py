"""A look: what was seen of one service after its move."""

from __future__ import annotations

import msgspec

from lastgood.model.noun import Noun


class ServiceLook(Noun, frozen=True, kw_only=True):
    """What answers for one service, and which versions count as its target.

    Attributes:
        answering: what each instance or address answered; None where it named no version.
        expected: versions that count besides the move's target: the new commit that the deploy
            step made, and commits that are known to carry the target's content.
        names_version: one of the service's checks says which version answers.
        tells_current: the deploy driver says what runs.
        current: what it said.
        every_instance: each instance was asked, not just one address.
    """

    service: str
    answering: dict[str, str | None] = msgspec.field(default_factory=dict)
    expected: tuple[str, ...] = ()
    names_version: bool = False
    tells_current: bool = False
    current: str | None = None
    every_instance: bool = False
