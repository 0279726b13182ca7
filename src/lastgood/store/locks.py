"""The environments' locks: rows whose epoch only grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from lastgood.errors import RefusedError, StaleLeaseError
from lastgood.model.lock import Lease, Lock
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import locks

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

# Made once, since it runs before every side effect.
_OF_ENVIRONMENT = select(locks).where(locks.c.environment == bindparam("of"))


class Locks:
    """Who may change which environment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, environment: str) -> Lock:
        """The lock as it is; epoch 0 when it was never taken."""
        with self._database.read() as connection:
            return _get(connection, environment)

    def take(self, environment: str, run: str, holder: str, at: datetime) -> Lease:
        """Take a free lock. A run that holds it already takes it over from itself instead.

        Raises:
            RefusedError: a run holds it (code `locked`).
        """
        with self._database.write() as connection:
            lock = _get(connection, environment)
            if lock.run is not None:
                raise _locked(lock)
            return _hand(connection, lock, run, holder, at)

    def require_free(self, environment: str) -> None:
        """Make sure that nobody holds the lock just now.

        Raises:
            RefusedError: a run holds it (code `locked`).
        """
        lock = self.get(environment)
        if lock.run is not None:
            raise _locked(lock)

    def check(self, lease: Lease) -> None:
        """Make sure that the lease is the newest one; to be called before every side effect.

        Raises:
            StaleLeaseError: the lock was given to another, or broken.
        """
        lock = self.get(lease.environment)
        if (lock.epoch, lock.run) == (lease.epoch, lease.run):
            return
        raise StaleLeaseError(
            f"run {lease.run} may not change {lease.environment} any more",
            cause=f"it holds epoch {lease.epoch}; the lock is at {lock.epoch}, {_whose(lock)}",
            mend="`lastgood status` shows what runs now",
        )

    def release(self, lease: Lease) -> None:
        """Free the lock; does nothing when the lease is not the newest one."""
        with self._database.write() as connection:
            connection.execute(
                update(locks)
                .where(
                    locks.c.environment == lease.environment,
                    locks.c.epoch == lease.epoch,
                    locks.c.run == lease.run,
                )
                .values(run=None, holder="", since=None)
            )

    def take_over(
        self, environment: str, from_run: str, run: str, holder: str, at: datetime
    ) -> Lease:
        """Take the lock from exactly that run, whose lease is stale from then on.

        Raises:
            RefusedError: that run does not hold it (code `locked`, or `not-locked` when free).
        """
        with self._database.write() as connection:
            lock = _get(connection, environment)
            if lock.run is None:
                raise RefusedError(
                    f"run {from_run} does not hold the lock of {environment}",
                    cause="nobody holds it",
                    mend="give the command without `--take-over`",
                    code="not-locked",
                )
            if lock.run != from_run:
                raise _locked(lock)
            return _hand(connection, lock, run, holder, at)

    def break_lock(self, environment: str, at: datetime) -> Lock:
        """Free the lock whoever holds it; every lease given so far is stale from then on."""
        with self._database.write() as connection:
            lock = _get(connection, environment)
            _write(connection, Lock(environment=environment, epoch=lock.epoch + 1, since=at))
            return _get(connection, environment)


def _get(connection: Connection, environment: str) -> Lock:
    row = connection.execute(_OF_ENVIRONMENT, {"of": environment}).first()
    return noun_of(Lock, row) if row else Lock(environment=environment, epoch=0)


def _hand(connection: Connection, lock: Lock, run: str, holder: str, at: datetime) -> Lease:
    epoch = lock.epoch + 1
    given = Lock(environment=lock.environment, epoch=epoch, run=run, holder=holder, since=at)
    _write(connection, given)
    return Lease(environment=lock.environment, run=run, epoch=epoch)


def _write(connection: Connection, lock: Lock) -> None:
    values = {field: getattr(lock, field) for field in lock.__struct_fields__}
    of_environment = locks.c.environment == lock.environment
    if connection.execute(update(locks).where(of_environment).values(values)).rowcount == 0:
        connection.execute(insert(locks).values(values))


def _whose(lock: Lock) -> str:
    if lock.run is None:
        return "held by nobody"
    since = f" since {lock.since:%Y-%m-%d %H:%M:%S} UTC" if lock.since else ""
    return f"held by run {lock.run} of {lock.holder}{since}"


def _locked(lock: Lock) -> RefusedError:
    return RefusedError(
        f"{lock.environment} is locked",
        cause=_whose(lock),
        mend=(
            "`lastgood watch` follows it, `lastgood resume` goes on with it, "
            f"`lastgood rollback --take-over {lock.run}` replaces it"
        ),
        code="locked",
    )
