"""Tables are filled in the order of their references, whatever those are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lastgood.drivers.database.postgres.rows.order import filled

TABLES = st.sampled_from("abcdefgh")


def reached(references: dict[str, set[str]], start: str) -> set[str]:
    found, left = set[str](), [start]
    while left:
        for parent in references[left.pop()] & references.keys() - found:
            found.add(parent)
            left.append(parent)
    return found


@given(st.dictionaries(TABLES, st.sets(TABLES)))
def test_parents_come_first_and_circles_together(references: dict[str, set[str]]) -> None:
    groups = filled(references)

    assert sorted(table for group in groups for table in group) == sorted(references)
    at = {table: number for number, group in enumerate(groups) for table in group}
    for table in references:
        for parent in reached(references, table):
            assert at[parent] <= at[table]
            assert (at[parent] == at[table]) == (
                parent == table or table in reached(references, parent)
            )


def test_a_long_chain() -> None:
    chain = {str(n): {str(n + 1)} for n in range(5_000)}
    assert filled(chain)[0] == ["4999"]
