"""What stands in the way of a restore is said by the plan, before anything is restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.shop import Shop


def refusals(stall: Shop, *words: str) -> dict[str, str]:
    ran = stall.types("db", "restore", "--accept-loss", "0", "--dry-run", "--json", *words)
    assert ran.code == 5, (ran.out, ran.err)
    return {one["code"]: one["what"] for one in ran.json["refusals"]}


def test_a_copy_that_would_not_fit_or_could_not_be_kept_is_refused_beforehand(stall: Shop) -> None:
    stall.database["warm_target"] = "off"
    stall.configure()
    stall.said("create")

    stall.database["disk"] = "1MB"
    stall.configure()
    assert "bytes" in refusals(stall)["no-room"]

    del stall.database["disk"]
    stall.database["proof_dsn"] = stall.server.dsn("postgres")
    stall.configure()
    assert "proof_dsn" in refusals(stall)["restored-elsewhere"]
