"""The documents of `lastgood db`, as they are used from outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lastgood.model.loss import Loss, Precision, TableLoss
from lastgood.report.losses import preview_document

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def test_a_loss_says_how_well_each_number_is_known() -> None:
    known = TableLoss(
        table="public.users", live_rows=12, restored_rows=10, vanishing=3, returning=1, changing=2,
        precision=Precision.EXACT,
    )  # fmt: skip
    unknown = TableLoss(
        table="public.logs", live_rows=None, restored_rows=None, vanishing=None, returning=None,
        changing=None, precision=Precision.UNKNOWN, why="permission denied",
    )  # fmt: skip
    minute = timedelta(seconds=60)
    loss = Loss(at=AT + minute, tables=(known,), shape=("type public.mood differs",))

    document = preview_document("main", "backup-1", AT, loss)

    assert document == {
        "database": "main",
        "backup": "backup-1",
        "written_since_s": 60.0,
        "complete": True,
        "tables": [
            {
                "name": "public.users",
                "live_rows": 12,
                "restored_rows": 10,
                "vanish": 3,
                "return": 1,
                "change": 2,
                "precision": "exact",
                "why": "",
            }
        ],
        "vanish_total": 3,
        "schema": ["type public.mood differs"],
    }
    unsure = Loss(at=AT, tables=(known, unknown))
    document = preview_document("main", "", AT, unsure)
    assert (document["complete"], document["vanish_total"]) == (False, None)
    assert document["tables"][1]["why"] == "permission denied"
