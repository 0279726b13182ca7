"""The data's part of the story: numbered orders, a name that two customers want, the salvage."""

from __future__ import annotations

import json
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.databases.salvaging import salvage
from lastgood.app.incidents import add_note
from lastgood.demo.traffic import CREATED
from lastgood.errors import LastgoodError

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.demo.production import Production
    from lastgood.model.run import StepRecord
    from lastgood.model.salvage import Salvage

WANTED = "ada"
"""The name that a customer takes while the bad release is live, and another one afterwards."""

PATIENCE_S = 60.0
SWAP = "swap:main"


class Orders(NamedTuple):
    """What became of the numbered orders, each of which a user was told was accepted.

    Attributes:
        accepted: how many users were told so.
        lost: how many were not in the database after the rollback.
        still_lost: how many are not there after the salvage.
        closed_s: seconds in which nobody could connect to the database.
        salvage: what was brought over, and what was left out.
    """

    accepted: int
    lost: int
    still_lost: int
    closed_s: float
    salvage: Salvage


def missing(production: Production) -> set[str]:
    """The accepted orders that the database does not know."""
    import psycopg  # noqa: PLC0415 - a quarter of a second, and late in the story

    accepted = production.traffic.orders()
    with psycopg.connect(production.database_dsn) as connection:
        there = {item for (item,) in connection.execute("SELECT item FROM orders")}
    return accepted - there


def register(production: Production, name: str) -> int:
    """A customer takes a name, and tries again until the shop takes it; gives the new number.

    Raises:
        LastgoodError: it does not, within the demo's patience.
    """
    deadline, tries = time.monotonic() + PATIENCE_S, 0
    while time.monotonic() < deadline:
        # Another user each time: a faulty release meets some of them, and always the same.
        headers = {"Content-Type": "application/json", "X-User-Hash": f"customer-{tries}"}
        edge = HTTPConnection("127.0.0.1", production.layout.edge_port, timeout=10)
        with suppress(OSError, HTTPException), closing(edge):
            edge.request("POST", "/api/users", json.dumps({"name": name}), headers)
            answer = edge.getresponse()
            if answer.status == CREATED:
                return int(json.load(answer)["id"])
        tries += 1
        time.sleep(0.05)
    raise LastgoodError(
        "no customer could register",
        mend="run the demo again with --keep and look at the backend's logs",
        code="demo-register",
    )


def salvage_orders(project: Project, production: Production, swap: StepRecord) -> Orders:
    """What a person does when production is back: `lastgood db salvage`, rehearsed first."""
    lost = missing(production)
    rehearsed = salvage(project, None, None, dry_run=True).salvage
    brought = salvage(project, None, None, dry_run=False).salvage
    if (rehearsed.brought, rehearsed.left) != (brought.brought, brought.left):
        raise LastgoodError(
            "the salvage did not do what its rehearsal said",
            cause=f"{rehearsed.brought} rows were to be brought, {brought.brought} were",
            mend="report it with this text",
            code="demo-salvage",
        )
    still = missing(production)
    detail = swap.outcome.detail if swap.outcome is not None else {}
    orders = Orders(
        accepted=len(production.traffic.orders()),
        lost=len(lost),
        still_lost=len(still),
        closed_s=float(detail.get("closed_s", "nan")),
        salvage=brought,
    )
    add_note(project, None, in_words(orders))
    return orders


def in_words(orders: Orders) -> str:
    """What became of them, in a line."""
    return (
        f"of {orders.accepted} numbered orders that users were told are accepted, {orders.lost} "
        f"were not in the database after the rollback, and {orders.still_lost} are not after the "
        f"salvage; {orders.salvage.left} row was left out as a conflict"
    )
