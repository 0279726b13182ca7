"""Seeing an environment through its drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.remembering import remembered
from lastgood.observe.connectivity import Connectivity
from lastgood.observe.observer import Observer
from lastgood.observe.watched import Instances, WatchedCheck, WatchedService

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.observation import Observation
    from lastgood.model.release import Deployment
    from lastgood.ports.deploy import Deployer


def observer(project: Project, drivers: Drivers) -> Observer:
    """An observer of the environment; the drivers stay their owner's to close."""
    return Observer(
        environment=project.name,
        checks=watched_checks(project, drivers),
        signals=drivers.signals,
        services=watched_services(project, drivers),
        connectivity=Connectivity(project.environment.connectivity),
    )


def watched_checks(project: Project, drivers: Drivers) -> list[WatchedCheck]:
    """The checks with what the configuration says of them."""
    return [
        WatchedCheck(
            name=name,
            check=drivers.checks[name],
            thresholds=drivers.thresholds[name],
            every_s=check.every,
            timeout_s=check.timeout,
        )
        for name, check in project.environment.checks.items()
    ]


def watched_services(project: Project, drivers: Drivers) -> list[WatchedService]:
    """The services with what the configuration says of them."""
    services = []
    for name, service in project.environment.services.items():
        told = service.instances
        services.append(
            WatchedService(
                name=name,
                deployer=telling(drivers.deployers[name]),
                checks=service.checks,
                instances=Instances(
                    urls=told.urls, command=told.command or (), toolbox=drivers.toolboxes[name]
                )
                if told
                else None,
            )
        )
    return services


def telling(deployers: tuple[Deployer, ...]) -> Deployer | None:
    """The first deploy driver that can tell what runs."""
    return next((deployer for deployer in deployers if deployer.tells_current), None)


def recorded(project: Project) -> dict[str, Deployment]:
    """The newest deployment of each service in the ledger."""
    found = {
        service: project.state.ledger.live(project.name, service)
        for service in project.environment.services
    }
    return {service: deployment for service, deployment in found.items() if deployment}


async def observe(project: Project, drivers: Drivers) -> Observation:
    """Look until each check has a standing; cold, but for since when the failing ones fail."""
    looking = observer(project, drivers)
    looking.prober.restore(remembered(project))
    return await looking.settle(recorded(project))
