"""Kinds that nobody read before, each read by several threads at once for the first time."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import msgspec

from lastgood.model.noun import Noun, from_json

THREADS, KINDS, DEEP = 8, 150, 12


def fresh() -> Any:
    """A kind made of others, none of which was ever read."""
    kind: Any = int
    for number in range(DEEP):
        kind = msgspec.defstruct(f"N{number}", [("of", kind)], bases=(Noun,), frozen=True)
    return kind


def main() -> None:
    sys.setswitchinterval(1e-6)
    text = '{"of":' * DEEP + "7" + "}" * DEEP
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(KINDS):
            kind, together = fresh(), Barrier(THREADS)

            def read(kind: Any = kind, together: Barrier = together) -> Any:
                together.wait()
                return from_json(text, kind)

            for one in [pool.submit(read) for _ in range(THREADS)]:
                assert one.result().of.of


if __name__ == "__main__":
    main()
