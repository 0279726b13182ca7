"""In which order tables are filled, so that what a row refers to is there before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def filled(references: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of tables, parents first; those of one group refer to each other in a circle.

    It is Tarjan's search for strongly connected components (1972), without recursion: a chain of a
    thousand tables is nothing unusual.

    Args:
        references: each table with those that it refers to; others than its keys are no concern.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_ones: list[str] = []
    is_open: set[str] = set()
    groups: list[list[str]] = []

    def enter(table: str) -> tuple[str, Iterator[str]]:
        number[table] = lowest[table] = len(number)
        open_ones.append(table)
        is_open.add(table)
        return table, iter(sorted(references[table] & references.keys()))

    for start in sorted(references):
        path = [] if start in number else [enter(start)]
        while path:
            table, parents = path[-1]
            parent = next(parents, None)
            if parent is not None:
                if parent not in number:
                    path.append(enter(parent))
                elif parent in is_open:
                    lowest[table] = min(lowest[table], number[parent])
                continue
            path.pop()
            if path:
                child = path[-1][0]
                lowest[child] = min(lowest[child], lowest[table])
            if lowest[table] == number[table]:
                at = open_ones.index(table)
                group = open_ones[at:]
                del open_ones[at:]
                is_open.difference_update(group)
                groups.append(sorted(group))
    return groups
