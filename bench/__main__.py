"""Everything that is measured, as one table of ratios: `make bench`, or `python -m bench --quick`.

The ratio is ours divided by the peer's, in one run on one machine; under one is faster. `--quick`
leaves out what takes minutes: a hundred thousand events, two whole demos, and large databases.
Names of parts (`steps starts probe recovery events backup loss swap`) measure only these;
`--size=MB` is the size of the database that is backed up, `--sizes=MB,MB` are those of the ones
that are swapped.
"""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING

from bench.table import HEADER

from bench import backup, events, loss, probe, recovery, starts, steps, swap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bench.table import Row

PARTS: Mapping[str, Callable[[], Iterable[Row]]] = {
    "steps": steps.rows,
    "starts": starts.rows,
    "probe": probe.rows,
    "recovery": recovery.rows,
    "events": events.rows,
    "backup": backup.rows,
    "loss": loss.rows,
    "swap": swap.rows,
}
SLOW = ("recovery", "events")
SIZE, SIZES = "--size=", "--sizes="


def main(arguments: list[str]) -> int:
    """Print the table, each line as soon as it is known."""
    named = [word for word in arguments if word in PARTS]
    sizes = [word for word in arguments if word.startswith(SIZE) and word[len(SIZE) :].isdecimal()]
    swapped = [word for word in arguments if re.fullmatch(rf"{SIZES}\d+(,\d+)*", word)]
    unknown = set(arguments) - set(PARTS) - {"--quick", *sizes, *swapped}
    if unknown:
        sys.stderr.write(f"there is no part {', '.join(sorted(unknown))}: {' '.join(PARTS)}\n")
        return 2
    chosen = named or [part for part in PARTS if "--quick" not in arguments or part not in SLOW]
    parts = dict(PARTS)
    if sizes or "--quick" in arguments:
        wanted = int(sizes[-1][len(SIZE) :]) if sizes else backup.SMALL_MB
        both = (min(backup.SMALL_MB, wanted), wanted)
        parts["loss"] = partial(loss.rows, loss.SMALL)
        parts["backup"] = partial(backup.rows, tuple(dict.fromkeys(both)))
    if swapped or "--quick" in arguments:
        several = swapped[-1][len(SIZES) :].split(",") if swapped else swap.SMALL
        parts["swap"] = partial(swap.rows, tuple(map(int, several)))
    print(HEADER, flush=True)
    for part in chosen:
        for row in parts[part]():
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
