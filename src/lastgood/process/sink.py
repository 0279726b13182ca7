"""Read on, for a daemon, what it still writes to the pipes of the command that left it.

A script of its own, started as `python -I -S sink.py DESCRIPTOR...`. Were the pipes closed with the
command, the next line that a server logs would end it (SIGPIPE), minutes after a good rollback. The
sink ends with the last writer.
"""

from __future__ import annotations

import os
import select
import sys


def main() -> None:
    """Detach, then read and forget until nobody writes."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    pipes = [int(argument) for argument in sys.argv[1:]]
    for pipe in pipes:
        os.set_blocking(pipe, True)
    while pipes:
        for pipe in select.select(pipes, [], [])[0]:
            if not os.read(pipe, 65536):
                pipes.remove(pipe)


if __name__ == "__main__":
    main()
