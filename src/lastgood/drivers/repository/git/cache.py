"""The private bare copy of a remote: made, brought up to date, and made anew when it is broken."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.command import (
    CLONE_S,
    FETCH_PROGRAM,
    REMOTE,
    REMOTE_S,
)
from lastgood.drivers.repository.git.failure import (
    BrokenCacheError,
    remote_error,
    says_shallow,
    shallow,
)
from lastgood.errors import StateError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lastgood.drivers.repository.git.address import Address
    from lastgood.drivers.repository.git.command import Git
    from lastgood.ports.children import Finished

_FETCH = (
    *("fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-recurse-submodules"),
    *("--no-auto-maintenance", "--no-write-fetch-head", FETCH_PROGRAM),
)
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_LOOK_S = 0.02


class Cache:
    """A bare folder that may be deleted at any time, used by any number of processes.

    Refs change and the folder is replaced under a file lock only. A new folder is made beside and
    renamed into its place, so that what is there is whole or broken by others.

    Args:
        git: git on the folder.
        address: the remote.
    """

    def __init__(self, git: Git, address: Address) -> None:
        self.git = git
        self._address = address
        self._place = git.place

    async def ready(self) -> None:
        """Make it where it is not there."""
        if not self._is_there():
            async with self._locked():
                if not self._is_there():
                    await self._make()

    async def fetch(self) -> None:
        """Bring heads and tags up to the remote's state.

        Raises:
            RemoteError: the remote does not answer.
            RefusedError: the remote is a shallow clone.
        """
        async with self._locked():
            if not self._is_there():
                await self._make()
                return
            await self._refuse_shallow(self.git)
            done = await self._fetched(self.git, REMOTE)
            if done.returncode == 0:
                return
            await self._blame_remote(done)
            await self._make()

    async def fetch_refs(self, pattern: str) -> None:
        """Bring the refs of one more pattern up to the remote's state.

        Raises:
            RemoteError: the remote does not answer.
            BrokenCacheError: it does, and a new folder was of no help.
        """
        async with self._locked():
            done = await self._fetched(self.git, REMOTE, f"+{pattern}:{pattern}")
            if done.returncode != 0:
                await self._blame_remote(done)
                await self._make()
                done = await self._fetched(self.git, REMOTE, f"+{pattern}:{pattern}")
            if done.returncode != 0:
                raise BrokenCacheError("fetch", done.stderr)

    async def _blame_remote(self, failed: Finished) -> None:
        """Raise the remote's error, if it fails too when the folder has no say."""
        asked = await self.git.at(self._place / "absent").ask(
            "ls-remote", "--quiet", FETCH_PROGRAM, "--", self._address.url, "HEAD"
        )
        if asked.returncode != 0:
            raise remote_error(self._address.identity, asked.stderr or failed.stderr)

    async def mend(self) -> bool:
        """Make the folder anew if it is broken; whether it was."""
        async with self._locked():
            if self._is_there():
                with contextlib.suppress(BrokenCacheError):
                    await self.git.read("fsck", "--no-dangling", "--no-progress", "--no-reflogs")
                    return False
            await self._make()
            return True

    def _is_there(self) -> bool:
        return (self._place / "HEAD").exists()

    async def _make(self) -> None:
        for leftover in self._place.parent.glob(f"{self._place.name}.*-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = self._place.with_name(f"{self._place.name}.new-{secrets.token_hex(4)}")
        try:
            # Over a path nothing is saved by leaving files out.
            if self._address.is_path or not await self._filled(new, "--filter=blob:none"):
                await self._filled(new)
            await self._refuse_shallow(self.git.at(new))
            with contextlib.suppress(FileNotFoundError):
                self._place.rename(new.with_name(f"{self._place.name}.old-{secrets.token_hex(4)}"))
            new.rename(self._place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            for old in self._place.parent.glob(f"{self._place.name}.old-*"):
                shutil.rmtree(old, ignore_errors=True)

    async def _filled(self, new: Path, *options: str) -> bool:
        shutil.rmtree(new, ignore_errors=True)
        git = self.git.at(new)
        await git.read("init", "--quiet", "--bare", "--template=", str(new))
        for key, value in (
            (f"remote.{REMOTE}.url", self._address.url),
            *((f"remote.{REMOTE}.fetch", refs) for refs in _ALL),
        ):
            await git.read("config", "--add", key, value)
        await self._refuse_shallow(git)
        done = await self._fetched(git, *options, REMOTE, limit=CLONE_S)
        if done.returncode != 0 and (not options or "promisor" not in done.stderr):
            raise remote_error(self._address.identity, done.stderr)
        return done.returncode == 0

    async def _fetched(self, git: Git, *arguments: str, limit: float = REMOTE_S) -> Finished:
        done = await git.ask(*_FETCH, *arguments, limit=limit)
        if says_shallow(done.stderr):
            raise shallow(self._address.identity)
        return done

    async def _refuse_shallow(self, git: Git) -> None:
        if (git.place / "shallow").exists():
            raise shallow(self._address.identity)
        if self._address.is_path:
            path = Path(self._address.url)
            theirs = git.at(path / ".git" if (path / ".git").exists() else path)
            done = await theirs.ask("rev-parse", "--is-shallow-repository")
            if done.stdout.strip() == "true":
                raise shallow(self._address.identity)

    @contextlib.asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Hold the cache's lock; the kernel frees it when we die."""
        self._place.parent.mkdir(parents=True, exist_ok=True)
        limit = time.monotonic() + CLONE_S + REMOTE_S
        lock = os.open(f"{self._place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > limit:
                        raise StateError(
                            "another process keeps lastgood's copy of the repository",
                            cause=f"{self._place}.lock is locked",
                            mend=f"see who: fuser {self._place}.lock",
                            code="repository-busy",
                            retryable=True,
                        ) from None
                    await asyncio.sleep(_LOOK_S)
            yield
        finally:
            os.close(lock)
