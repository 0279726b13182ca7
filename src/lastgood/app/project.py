"""An opened project: its settings, one environment, its state and its drivers."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lastgood.app.registry import registry
from lastgood.config import find, load_chosen
from lastgood.errors import ConfigError
from lastgood.model.policy import Policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lastgood.app.wiring import Drivers
    from lastgood.config import Environment, Settings
    from lastgood.config.backup import BackupSettings
    from lastgood.process.masking import Masker
    from lastgood.store.state import State


class Project:
    """Everything a command needs; each part is made when it is first asked for.

    Attributes:
        settings: the configuration.
        name: the chosen environment's name.
        makes_state: whether a state that is not there is made; a runner serves one that is.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.makes_state = True

    @classmethod
    def open(cls, config: Path | None = None, environment: str | None = None) -> Project:
        """Find and read the configuration and choose the environment.

        Raises:
            ConfigError: there is none, or it has faults.
            UsageError: there is no such environment.
        """
        path = config if config is not None else find(Path.cwd())
        if not path.is_file():
            raise ConfigError(
                f"there is no file {path}",
                mend="name an existing one with --config, or write one with: lastgood init",
                code="no-config",
            )
        return cls(*load_chosen(path, registry(), environment))

    @property
    def environment(self) -> Environment:
        """The chosen environment's settings."""
        return self.settings.environment(self.name)

    @property
    def state_folder(self) -> Path:
        """The folder of lastgood's own state."""
        path = self.settings.state.path
        return path.parent if path is not None else self.settings.folder / ".lastgood"

    @cached_property
    def state(self) -> State:
        """The opened state; made and brought up to date when needed.

        Raises:
            StateError: it cannot be read or written.
        """
        from lastgood.store.state import State  # noqa: PLC0415 - SQLAlchemy takes its time

        url = self.settings.state.url.reveal()
        return State.open(url, self.settings.folder, create=self.makes_state)

    @cached_property
    def existing_state(self) -> State:
        """The state, only if there is one already.

        Raises:
            StateError: there is none, or it cannot be read.
        """
        from lastgood.store.state import State  # noqa: PLC0415 - SQLAlchemy takes its time

        url = self.settings.state.url.reveal()
        return State.open(url, self.settings.folder, create=False)

    def close(self) -> None:
        """Close the state, where it was opened; what was committed stays."""
        for name in ("state", "existing_state"):
            opened = self.__dict__.pop(name, None)  # made when first asked for
            if opened is not None:
                opened.close()

    def service_paths(self, service: str) -> tuple[str, ...]:
        """The paths of the repository that make the service; none means all of it."""
        for deploy in self.environment.services[service].deploy:
            paths = getattr(deploy.options, "paths", None)
            if paths:
                return tuple(paths)
        return ()

    def backups(self, database: str) -> BackupSettings | None:
        """What is said of a database's backups; None where its driver makes none."""
        found = getattr(self.environment.databases[database].options, "backup", None)
        return cast("BackupSettings | None", found)

    @cached_property
    def masker(self) -> Masker:
        """Hides every secret of the configuration."""
        from lastgood.process.masking import Masker  # noqa: PLC0415 - only acting commands need it

        return Masker(self.settings.secrets)

    def said(self, text: str) -> str:
        """What a person wrote, without secrets: it is kept for good, and a paste may hold one."""
        return self.masker.mask(text)

    @cached_property
    def policy(self) -> Policy:
        """The environment's rules for a verdict."""
        written = self.environment.policy
        return Policy(
            rollback_over_share=written.rollback_over_share,
            outage_over_s=written.outage_over,
            hotfix_under_s=written.hotfix_under,
            auto=written.auto,
        )

    @asynccontextmanager
    async def drivers(self) -> AsyncIterator[Drivers]:
        """The environment's living drivers, closed at the end."""
        from lastgood.app.wiring import wire  # noqa: PLC0415 - drivers are loaded when used

        made = wire(self.settings, self.name, self.state_folder, self.masker)
        try:
            yield made
        finally:
            await made.close()


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def operator() -> str:
    """Who gives the command: `LASTGOOD_OPERATOR`, else the login name, and the machine."""
    try:
        person = os.environ.get("LASTGOOD_OPERATOR") or getpass.getuser()
    except (KeyError, OSError):
        person = f"uid {os.getuid()}"
    return f"{person}@{socket.gethostname()}"
