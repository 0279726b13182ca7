"""Which version answers, and whether it is the one that was to come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.problem import Problem
from lastgood.model.proof import ServiceProof
from lastgood.model.revision import same_version

if TYPE_CHECKING:
    from lastgood.model.plan import Move
    from lastgood.verify.look import ServiceLook

WRONG_VERSION = "wrong-version"
UNPROVEN = "unproven"


def service_proof(move: Move, look: ServiceLook | None) -> tuple[ServiceProof, tuple[Problem, ...]]:
    """Whether every instance of a service answers its target, and what is wrong if not.

    Without a check that names a version, what the deploy driver says to run has to do; without that
    nothing shows the outcome (`unproven`).
    """
    expected = expected_versions(move, look)
    if look is None:
        bare = ServiceProof(service=move.service, expected=expected)
        return bare, (wrong(f"{move.service} was not looked at"),)
    answering = look.answering
    if look.names_version:
        problems = answered_wrongly(look, expected)
    elif look.tells_current:
        answering = {"deploy driver": look.current}
        problems = runs_wrongly(look, expected)
    else:
        problems = (unproven(look.service),)
    proof = ServiceProof(
        service=move.service,
        expected=expected,
        answering=answering,
        proven=not problems,
        scope="every instance" if look.every_instance else "one address",
    )
    return proof, problems


def expected_versions(move: Move, look: ServiceLook | None) -> tuple[str, ...]:
    """The versions that count as the target; what a drop leaves is only known by its new commit."""
    known = look.expected if look is not None else ()
    target = (move.target,) if move.drop is None else ()
    return tuple(dict.fromkeys((*target, *known)))


def answered_wrongly(look: ServiceLook, expected: tuple[str, ...]) -> tuple[Problem, ...]:
    """One problem for each instance that does not answer an expected version."""
    if not look.answering:
        return (wrong(f"no instance of {look.service} answers"),)
    return tuple(
        wrong(
            f"{look.service}: {instance} names no version"
            if version is None
            else f"{look.service}: {instance} answers version {version[:64]}"
        )
        for instance, version in look.answering.items()
        if version is None or not any(same_version(version, one) for one in expected)
    )


def runs_wrongly(look: ServiceLook, expected: tuple[str, ...]) -> tuple[Problem, ...]:
    """The problem when the deploy driver says that something else runs."""
    current = look.current
    if current is not None and any(same_version(current, one) for one in expected):
        return ()
    return (wrong(f"{look.service} runs {current or 'nothing'}, says its deploy driver"),)


def wrong(what: str) -> Problem:
    """Something else answers."""
    return Problem(
        code=WRONG_VERSION,
        what=what,
        mend="put it live once more: `lastgood rollback`; or restart the instance by hand, then "
        "look: `lastgood check`",
    )


def unproven(service: str) -> Problem:
    """Nothing says which version answers."""
    return Problem(
        code=UNPROVEN,
        what=f"nothing says which version of {service} answers",
        mend="give one of its checks a `version`",
    )
