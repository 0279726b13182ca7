"""Names that must exist elsewhere in the file; looked at in what is written, faulty or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.config.fault import Fault, suggestion
from lastgood.config.state import server_of, servers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.config.document import Document

_DSN_KEYS = ("dsn", "direct_dsn", "admin_dsn")


def faults(document: Document, written: dict[str, Any]) -> Iterator[Fault]:
    """Every name that leads nowhere, and a state that a rollback would overwrite."""
    environments = mapping(written.get("environments"))
    for name, environment in environments.items():
        yield from _checks(document, name, mapping(environment))
        for database, content in mapping(mapping(environment).get("databases")).items():
            yield from _state(document, written.get("state"), name, database, mapping(content))
    drilled = mapping(written.get("drills")).get("environment")
    if isinstance(drilled, str) and drilled not in environments:
        yield document.fault(
            ("drills", "environment"),
            f"there is no environment {drilled[:70]!r}",
            suggestion(drilled, list(environments)),
        )


def _checks(document: Document, name: str, environment: dict[str, Any]) -> Iterator[Fault]:
    known = mapping(environment.get("checks"))
    for service, content in mapping(environment.get("services")).items():
        named = mapping(content).get("checks")
        for place, check in enumerate(named if isinstance(named, list) else []):
            if isinstance(check, str) and check not in known:
                yield document.fault(
                    ("environments", name, "services", service, "checks", place),
                    f"there is no check {check[:70]!r}",
                    suggestion(check, list(known)),
                )


def _state(
    document: Document, state: object, name: str, database: str, content: dict[str, Any]
) -> Iterator[Fault]:
    """Compare what is meant, and what is written: the reference of the two may be the same one."""
    server = server_of(state) if isinstance(state, str) else None
    written = document.scalar(("state",))
    above = ("environments", name, "databases", database)
    for key in _DSN_KEYS:
        dsn = content.get(key)
        same_text = isinstance(dsn, str) and written == document.scalar((*above, key))
        if same_text or (isinstance(dsn, str) and server in servers_of(dsn)):
            yield document.fault(
                ("state",),
                f"the state is in the database {database} of {name}, which is rolled back",
                "keep it elsewhere: sqlite:///.lastgood/state.db, or another database",
            )


def mapping(value: object) -> dict[str, Any]:
    """The value when it is a mapping, else an empty one: its fault is found elsewhere."""
    return value if isinstance(value, dict) else {}
