"""From settings to living drivers; the only place that makes any."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from lastgood.app.registry import registry
from lastgood.app.veiled import VeiledCheck, VeiledSignal
from lastgood.model.check import Thresholds
from lastgood.ports.spec import resolve
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lastgood.config import Environment, Settings
    from lastgood.config.backup import Store
    from lastgood.config.options import DriverOptions
    from lastgood.ports.check import Check
    from lastgood.ports.database import Database
    from lastgood.ports.deploy import Deployer
    from lastgood.ports.objects import ObjectStore
    from lastgood.ports.repository import Repository
    from lastgood.ports.signal import SignalSource
    from lastgood.ports.spec import Family
    from lastgood.process.masking import Masker


@dataclass
class Drivers:
    """The living drivers of one environment.

    Attributes:
        deployers: each service's ways, cheapest first.
        repositories: the git repository of each service that has one.
        thresholds: when each check's standing turns.
    """

    deployers: dict[str, tuple[Deployer, ...]] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    thresholds: dict[str, Thresholds] = field(default_factory=dict)
    signals: dict[str, SignalSource] = field(default_factory=dict)
    toolboxes: dict[str, Toolbox] = field(default_factory=dict)

    async def close(self) -> None:
        """Give back every connection."""
        for check in self.checks.values():
            await check.close()
        for signal in self.signals.values():
            await signal.close()

    def distinct_repositories(self) -> Iterator[tuple[str, Repository]]:
        """Each remote once, with the first service that uses it."""
        seen: set[str] = set()
        for service, repository in self.repositories.items():
            if repository.shared_key not in seen:
                seen.add(repository.shared_key)
                yield service, repository


def wire(settings: Settings, name: str, state: Path, masker: Masker) -> Drivers:
    """Make the drivers of an environment.

    Args:
        settings: the configuration.
        name: the environment's name.
        state: lastgood's own folder, for caches.
        masker: what every child's output, and what checks and signals say, goes through.
    """
    environment = settings.environment(name)
    drivers = Drivers()
    maker = _Maker(settings, name, state, masker)
    for service, described in environment.services.items():
        ways = []
        for deploy in described.deploy:
            repository = maker.repository(service, deploy.options)
            if repository is not None:
                drivers.repositories.setdefault(service, repository)
            made = maker.make("deploy", deploy.driver, deploy.options, service, repository)
            ways.append(cast("Deployer", made))
        drivers.deployers[service] = tuple(ways)
        drivers.toolboxes[service] = maker.toolbox(service)
    _wire_checks(environment, maker, drivers, masker)
    for signal, described_signal in environment.signals.items():
        made = maker.make("signal", described_signal.driver, described_signal.options, signal)
        drivers.signals[signal] = VeiledSignal(cast("SignalSource", made), masker)
    return drivers


def wire_database(
    settings: Settings, name: str, database: str, state: Path, masker: Masker
) -> Database:
    """Make the driver of one database; nothing is connected yet."""
    described = settings.environment(name).databases[database]
    maker = _Maker(settings, name, state, masker)
    return cast("Database", maker.make("database", described.driver, described.options, database))


def wire_store(
    settings: Settings, name: str, store: Store, database: str, state: Path, masker: Masker
) -> ObjectStore:
    """Make the driver of the store that keeps a database's backups; nothing is connected yet."""
    maker = _Maker(settings, name, state, masker)
    return cast("ObjectStore", maker.make("objects", store.driver, store.options, database))


def _wire_checks(environment: Environment, maker: _Maker, drivers: Drivers, masker: Masker) -> None:
    databases = {name: database.options for name, database in environment.databases.items()}
    for name, check in environment.checks.items():
        # A check of a database is told where it is by the name that it has under `databases`.
        completed = getattr(check.options, "completed", None)
        options = check.options if completed is None else completed(databases)
        made = maker.make("check", check.driver, options, name)
        drivers.checks[name] = VeiledCheck(cast("Check", made), masker)
        drivers.thresholds[name] = Thresholds(
            fail_after=check.fail_after, recover_after=check.recover_after
        )


class _Maker:
    """Makes drivers of one environment from their specs."""

    def __init__(self, settings: Settings, name: str, state: Path, masker: Masker) -> None:
        self._settings = settings
        self._name = name
        self._state = state
        self._children = PlainChildren(masker)

    def make(
        self,
        family: Family,
        driver: str,
        options: DriverOptions,
        name: str,
        repository: Repository | None = None,
    ) -> object:
        spec = registry().spec(family, driver)
        factory = cast("Callable[..., object]", resolve(spec.factory))
        toolbox = self.toolbox(name, repository)
        return factory(options, toolbox)

    def toolbox(self, name: str, repository: Repository | None = None) -> Toolbox:
        """The surroundings of a driver."""
        return Toolbox(
            environment=self._name,
            name=name,
            base=self._settings.folder,
            state=self._state,
            children=self._children,
            repository=repository,
        )

    def repository(self, service: str, options: DriverOptions) -> Repository | None:
        """The repository that the deploy options name, whatever the deploy driver is."""
        remote = getattr(options, "repository", None)
        if remote is None:
            return None
        spec = registry().spec("repository", "git")
        model = cast("type[DriverOptions]", resolve(spec.options))
        fields = {
            key: getattr(options, key)
            for key in model.model_fields
            if getattr(options, key, None) is not None
        }
        made = self.make("repository", "git", model.model_validate(fields), service)
        return cast("Repository", made)
