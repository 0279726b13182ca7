"""Runs git: with a known environment, a time limit, and none of the surroundings' surprises."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.failure import BrokenCacheError, remote_error
from lastgood.errors import ChildError, RemoteError, StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lastgood.drivers.repository.git.address import Address
    from lastgood.ports.children import Children, Finished

LOCAL_S = 30.0
REMOTE_S = 60.0
CLONE_S = 300.0
PUSH_S = 110.0  # a host may build within a push; a step has two minutes by default

# Not `origin`: what people set for that in all their repositories is not meant for ours.
REMOTE = "lastgood"

# Credentials, proxies and address rewriting of the user stay in force; hooks, signatures,
# push options, clean-ups and prompts of the user do not.
_SETTINGS = (
    ("core.hooksPath", os.devnull),
    ("core.fsync", "committed"),
    ("core.fsmonitor", "false"),
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.pushOption", ""),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("credential.interactive", "false"),
    ("protocol.version", "2"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "15"),
    ("i18n.commitEncoding", "UTF-8"),
    ("i18n.logOutputEncoding", "UTF-8"),
    ("log.showSignature", "false"),
)
# A partial clone fetches what it lacks by itself, each fetch may do so again, and from a shallow
# remote that never ends. So it is only let where it is wanted; what is named here cannot be run.
_NEVER_LAZY = (f"remote.{REMOTE}.uploadpack", "lastgood-fetches-nothing-by-itself")
FETCH_PROGRAM = "--upload-pack=git-upload-pack"
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3"


class Git:
    """Git on one bare folder.

    Args:
        children: what runs it where nothing is changed for others.
        address: the remote.
        place: the bare folder.
    """

    def __init__(self, children: Children, address: Address, place: Path) -> None:
        self.place = place
        self._children = children
        self._address = address

    def at(self, place: Path) -> Git:
        """The same git on another folder."""
        return Git(self._children, self._address, place)

    async def read(
        self,
        *arguments: str,
        good: Sequence[int] = (0,),
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        lazy: bool = False,
    ) -> Finished:
        """Run a command that works on the folder.

        Args:
            arguments: the git command and its arguments.
            good: exit codes that are answers.
            stdin: what it reads.
            env: added to its environment.
            lazy: whether it may fetch missing objects by itself.

        Raises:
            BrokenCacheError: any other exit code, or no end within the time limit.
            StateError: it printed more than can be kept.
        """
        try:
            done = await self._run(
                arguments, LOCAL_S if not lazy else REMOTE_S, stdin=stdin, env=env, lazy=lazy
            )
        except ChildError as error:
            if error.code != "child-timeout":
                raise
            raise BrokenCacheError(arguments[0], str(error)) from error
        if done.returncode not in good:
            if "promisor remote" in done.stderr:
                raise remote_error(self._address.identity, done.stderr)
            raise BrokenCacheError(arguments[0], done.stderr)
        if done.truncated:
            raise StateError(
                f"git {arguments[0]} printed more than can be kept",
                cause="a folder, a history or a list of files is extraordinarily large",
                mend="narrow the service's `paths` in lastgood.yaml",
                code="too-much-output",
            )
        return done

    async def ask(
        self,
        *arguments: str,
        limit: float = REMOTE_S,
        lazy: bool = False,
        children: Children | None = None,
    ) -> Finished:
        """Run a command that talks to the remote; every exit code is an answer.

        Args:
            arguments: the git command and its arguments.
            limit: seconds that it may take.
            lazy: whether it may fetch missing objects by itself.
            children: what runs it, where it changes something for others.

        Raises:
            RemoteError: no answer within the time limit.
        """
        try:
            return await self._run(arguments, limit, lazy=lazy, children=children)
        except ChildError as error:
            if error.code != "child-timeout":
                raise
            raise RemoteError(
                f"{self._address.identity} did not answer within {limit:.0f} s",
                cause=str(error),
                mend=f"look whether it can be reached: git ls-remote {self._address.identity}",
                code="remote-timeout",
                retryable=True,
            ) from error

    async def _run(
        self,
        arguments: Sequence[str],
        limit: float,
        *,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        lazy: bool = False,
        children: Children | None = None,
    ) -> Finished:
        return await (children or self._children).run(
            ["git", f"--git-dir={self.place}", *arguments],
            timeout=limit,
            env={**self._environment(lazy=lazy), **(env or {})},
            stdin=stdin,
            check=False,
        )

    def _environment(self, *, lazy: bool) -> dict[str, str]:
        settings = [*_SETTINGS, *self._address.settings, *(() if lazy else (_NEVER_LAZY,))]
        environment = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C",
            "LANGUAGE": "",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        if not lazy:
            environment["GIT_NO_LAZY_FETCH"] = "1"
        if self._address.is_ssh and not {"GIT_SSH", "GIT_SSH_COMMAND"} & os.environ.keys():
            environment["GIT_SSH_COMMAND"] = _SSH
        for number, (key, value) in enumerate(settings):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment
