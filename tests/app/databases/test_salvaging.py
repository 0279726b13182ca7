"""What is remembered of a salvage: an event holds only so much."""

from __future__ import annotations

import pytest

from lastgood.app.databases.salvaging import told
from lastgood.model.noun import from_json
from lastgood.model.salvage import Conflict, Hindrance, Salvage, TableSalvage
from lastgood.store.events import LONGEST_DATA


@pytest.mark.parametrize(("tables", "whole"), [(1, True), (40, True), (400, False)])
def test_a_long_salvage_is_remembered_with_fewer_keys(tables: int, *, whole: bool) -> None:
    conflict = Conflict(key={"id": "a" * 50}, why=Hindrance.TAKEN, said="users_email_key")
    table = TableSalvage(
        table="public.users", found=9, brought=2, left=7, conflicts=(conflict,) * 100,
        deleted_keys=({"id": "1"},) * 100,
    )  # fmt: skip
    found = Salvage(tables=(table,) * tables)
    text = told(found)
    assert len(text) <= LONGEST_DATA
    remembered = from_json(text, Salvage)
    assert (remembered.brought == found.brought) is whole
