"""What runs and what answers, for each service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from lastgood.errors import LastgoodError
from lastgood.model.observation import ServiceView
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from lastgood.model.release import Deployment
    from lastgood.observe.prober import Prober
    from lastgood.observe.watched import Instances, WatchedCheck, WatchedService

T = TypeVar("T")
PATIENCE_S = 10.0
MOST_INSTANCES = 500


class UnseenError(Exception):
    """Something of a service could not be seen; says what and why in one line."""


class Services:
    """The services of an environment, as they can be seen."""

    def __init__(
        self,
        services: Sequence[WatchedService],
        checks: Sequence[WatchedCheck],
        prober: Prober,
    ) -> None:
        self._services = tuple(services)
        self._checks = {watched.name: watched for watched in checks}
        self._prober = prober

    def by_check(self) -> dict[str, tuple[str, ...]]:
        """The services that each check belongs to."""
        return {
            name: tuple(service.name for service in self._services if name in service.checks)
            for name in self._checks
        }

    async def views(
        self, recorded: Mapping[str, Deployment], names: Sequence[str] | None = None
    ) -> dict[str, ServiceView]:
        """See every service now, or the named ones, side by side."""
        meant = [s for s in self._services if names is None or s.name in names]
        seen = await asyncio.gather(
            *(self._view(service, recorded.get(service.name)) for service in meant)
        )
        return {view.name: view for view in seen}

    async def _view(self, service: WatchedService, newest: Deployment | None) -> ServiceView:
        live, answering = await asyncio.gather(
            _seen(self._live(service), f"what runs for {service.name} cannot be seen"),
            _seen(self._answering(service), f"what answers for {service.name} cannot be seen"),
        )
        commit = live if isinstance(live, str) else None
        problems = [str(part) for part in (live, answering) if isinstance(part, UnseenError)]
        known_since = newest is not None and commit in {None, newest.commit}
        return ServiceView(
            name=service.name,
            live=commit,
            answering=answering if isinstance(answering, dict) else {},
            recorded=newest.commit if newest else None,
            live_since=newest.at if newest and known_since else None,
            problem="; ".join(problems) or None,
        )

    async def _live(self, service: WatchedService) -> str | None:
        if service.deployer is None or not service.deployer.tells_current:
            return None
        return await service.deployer.current()

    async def _answering(self, service: WatchedService) -> dict[str, str | None]:
        watched = self._version_check(service)
        if service.instances is None:
            return await self._address(watched)
        urls = await _urls(service.instances)
        if watched is None:
            return dict.fromkeys(map(_shown, urls))
        results = await asyncio.gather(*(self._prober.ask(watched, url) for url in urls))
        return {_shown(url): result.version for url, result in zip(urls, results, strict=True)}

    async def _address(self, watched: WatchedCheck | None) -> dict[str, str | None]:
        if watched is None:
            return {}
        result = self._prober.latest().get(watched.name) or await self._prober.ask(watched)
        return {result.address: result.version}

    def _version_check(self, service: WatchedService) -> WatchedCheck | None:
        for name in service.checks:
            watched = self._checks.get(name)
            if watched is not None and watched.check.names_version:
                return watched
        return None


async def _urls(instances: Instances) -> tuple[str, ...]:
    if not instances.command:
        return instances.urls
    if instances.toolbox is None:
        raise UnseenError("there is nothing to run its command with")
    finished = await instances.toolbox.children.run(
        instances.command, timeout=PATIENCE_S, cwd=instances.toolbox.base
    )
    urls = tuple(line.strip() for line in finished.stdout.splitlines() if line.strip())
    if not urls:
        raise UnseenError("the command printed no instance")
    if len(urls) > MOST_INSTANCES or finished.truncated:
        raise UnseenError(f"the command printed more than {MOST_INSTANCES} instances")
    for url in urls:
        _shown(url)
    return urls


def _shown(url: str) -> str:
    """An instance's base address without credentials."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise UnseenError("an instance's address is none") from None
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise UnseenError("an instance's address is none: write http://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


async def _seen(part: Awaitable[T], what: str) -> T | UnseenError:
    """What comes of it, or why nothing does: one service's fault must not hide the others."""
    try:
        async with asyncio.timeout(2 * PATIENCE_S):
            return await part
    except TimeoutError:
        why = "no answer in time"
    except UnseenError as unseen:
        why = str(unseen)
    except LastgoodError as error:
        why = f"{error.message}: {error.cause}" if error.cause else error.message
    except Exception as broken:  # noqa: BLE001 - a broken driver must not hide the rest
        why = f"its driver is broken: {type(broken).__name__}"
    return UnseenError(f"{what}: {' '.join(harmless(why).split())[:300]}")
