"""Comparing what was dumped with what came out of a restore: by content, never by counts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.model.backup import Fingerprint, TableContent

MEND = "make another backup; if it differs again, look at the table: lastgood backup create"


def differences(dumped: Fingerprint, restored: Fingerprint) -> tuple[Problem, ...]:
    """One problem for each thing that is not the same."""
    return tuple(_differences(dumped, restored))


def _differences(dumped: Fingerprint, restored: Fingerprint) -> Iterator[Problem]:
    before = {table.table: table for table in dumped.tables}
    after = {table.table: table for table in restored.tables}
    for name in sorted({*before, *after}):
        text = _of_table(before.get(name), after.get(name))
        if text:
            yield Problem(code="table-differs", what=f"{name} {text}", mend=MEND)
    # A sequence is in no snapshot: its value in the dump is an earlier one than in the fingerprint.
    for name in sorted(dumped.sequences.keys() - restored.sequences.keys()):
        yield Problem(code="sequence-differs", what=f"sequence {name} did not come back", mend=MEND)
    if dumped.large_objects != restored.large_objects:
        what = f"large objects: {dumped.large_objects} dumped, {restored.large_objects} restored"
        yield Problem(code="large-objects-differ", what=what, mend=MEND)
    if dumped.shape != restored.shape:
        yield Problem(
            code="shape-differs",
            what="columns, constraints, indexes, views, functions or triggers are not the same",
            mend=MEND,
        )


def _of_table(before: TableContent | None, after: TableContent | None) -> str:
    if after is None:
        return "did not come back"
    if before is None:
        return "came back and was not dumped"
    if before.rows != after.rows:
        return f"had {before.rows} rows, restored it has {after.rows}"
    if before.digest != after.digest:
        return f"has the same {before.rows} rows by count, and other content"
    return ""
