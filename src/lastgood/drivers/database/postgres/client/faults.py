"""What the server said, as one of our errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from lastgood.process.masking import Masker

_LONGEST = 1_000
# By the first letters of the SQLSTATE, the longest first: code, mend.
_KNOWN = (
    ("53200", "out-of-locks", "let the server hold more locks: raise max_locks_per_transaction"),
    ("53100", "disk-full", "make room on the server's disk"),
    ("53300", "too-many-connections", "end idle connections, or raise max_connections"),
    ("42501", "not-permitted", "grant it, or use a role that may"),
    ("55P03", "locked", "wait for the migration that holds the lock, then try again"),
    ("57014", "query-cancelled", "raise the time limit, or make the query faster"),
    ("57P", "database-lost", "see why the server ended the connection, then try again"),
    ("08", "database-lost", "see why the connection was lost, then try again"),
)
_RETRYABLE = frozenset({"database-lost", "locked", "too-many-connections", "database-unreachable"})


@contextmanager
def told(what: str, masker: Masker, code: str = "database-failed") -> Iterator[None]:
    """Turn the server's errors into ours.

    Raises:
        RefusedError: we may not do this (`not-permitted`).
        RemoteError: anything else that the server said, or its silence.
    """
    import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

    try:
        yield
    except psycopg.Error as error:
        raise explain(what, error, masker, code) from error


def explain(what: str, error: psycopg.Error, masker: Masker, code: str) -> LastgoodError:
    """The error for what a server said; its words are masked and harmless."""
    import psycopg  # noqa: PLC0415 - see above

    mend = "see the server's log"
    state = error.sqlstate or ""
    for begins, known, how in _KNOWN:
        if state.startswith(begins):
            code, mend = known, how
            break
    else:
        if code == "database-unreachable":
            mend = "check that it runs and that `dsn` is right: psql with the same address"
        elif isinstance(error, psycopg.OperationalError) and not state:
            code, mend = "database-lost", "see why the connection was lost, then try again"
    kind = RefusedError if code == "not-permitted" else RemoteError
    return kind(
        what,
        cause=shown(str(error).strip(), masker, _LONGEST),
        mend=mend,
        code=code,
        retryable=code in _RETRYABLE,
    )


def shown(text: str, masker: Masker, longest: int) -> str:
    """Text of the server's as people may see it: without secrets, and without what acts."""
    return masker.mask(harmless(masker.mask(text)))[:longest]
