"""The ledger: releases, how good they are known to be, and their deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, and_, func, insert, select, update

from lastgood.errors import RefusedError
from lastgood.model.release import Deployment, GoodEvidence, Release, Standing, release_id
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import deployments, releases

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement


class Ledger:
    """What was deployed where, and what is known of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record_deployment(
        self,
        environment: str,
        service: str,
        commit: str,
        *,
        at: datetime,
        by: str,
        source: str,
        run: str | None = None,
        artifact: str | None = None,
        same_tree_as: str | None = None,
        config_hash: str | None = None,
        standing: Standing = Standing.CANDIDATE,
    ) -> Deployment:
        """Write down that a release was put live; the release is recorded when it is unknown.

        A known release keeps its standing. What was not known of it (its artifact, whose tree it
        carries) is added; a newer artifact replaces the older one, which may be gone.
        """
        of_release = _of(releases, environment, service, commit)
        with self._database.write() as connection:
            if connection.execute(select(releases.c.id).where(of_release)).first() is None:
                _add(
                    connection,
                    Release(
                        id=release_id(service, commit),
                        environment=environment,
                        service=service,
                        commit=commit,
                        standing=standing,
                        recorded_at=at,
                        artifact=artifact,
                        same_tree_as=same_tree_as,
                        config_hash=config_hash,
                    ),
                )
            else:
                connection.execute(
                    update(releases)
                    .where(of_release)
                    .values(
                        artifact=func.coalesce(artifact, releases.c.artifact),
                        same_tree_as=func.coalesce(releases.c.same_tree_as, same_tree_as),
                        config_hash=func.coalesce(releases.c.config_hash, config_hash),
                    )
                )
            values = {
                "environment": environment,
                "service": service,
                "commit": commit,
                "at": at,
                "by": by,
                "source": source,
                "run": run,
            }
            added = insert(deployments).values(values).returning(deployments)
            return noun_of(Deployment, connection.execute(added).one())

    def import_release(
        self,
        environment: str,
        service: str,
        commit: str,
        *,
        at: datetime,
        artifact: str | None = None,
        schema_revision: str | None = None,
    ) -> Release:
        """Record a release that was found, of unknown standing; a known one stays as it is."""
        with self._database.write() as connection:
            known = _release(connection, environment, service, commit)
            if known is not None:
                return known
            _add(
                connection,
                Release(
                    id=release_id(service, commit),
                    environment=environment,
                    service=service,
                    commit=commit,
                    standing=Standing.UNKNOWN,
                    recorded_at=at,
                    artifact=artifact,
                    schema_revision=schema_revision,
                ),
            )
            return _existing(connection, environment, service, commit)

    def releases(self, environment: str, service: str | None = None) -> list[Release]:
        """The releases, newest deployment first, then those never deployed, newest record first."""
        newest = _newest(environment).subquery()
        query = (
            select(releases)
            .outerjoin(
                newest,
                and_(releases.c.service == newest.c.service, releases.c.commit == newest.c.commit),
            )
            .where(releases.c.environment == environment)
            .order_by(
                newest.c.at.is_(None),
                newest.c.at.desc(),
                newest.c.id.desc(),
                releases.c.recorded_at.desc(),
                releases.c.service,
                releases.c.commit,
            )
        )
        if service is not None:
            query = query.where(releases.c.service == service)
        with self._database.read() as connection:
            return [noun_of(Release, row) for row in connection.execute(query)]

    def deployed_at(self, environment: str) -> dict[tuple[str, str], datetime]:
        """When each release was last put live, by service and commit."""
        with self._database.read() as connection:
            rows = connection.execute(_newest(environment)).all()
        return {(row.service, row.commit): row.at for row in rows}

    def release(self, environment: str, service: str, commit: str) -> Release | None:
        """That release; None when it is unknown."""
        with self._database.read() as connection:
            return _release(connection, environment, service, commit)

    def set_standing(
        self,
        environment: str,
        service: str,
        commit: str,
        standing: Standing,
        evidence: GoodEvidence,
    ) -> Release:
        """Say how good a release is, and why.

        Raises:
            RefusedError: the release is unknown (code `unknown-release`).
        """
        with self._database.write() as connection:
            connection.execute(
                update(releases)
                .where(_of(releases, environment, service, commit))
                .values(standing=standing, evidence=evidence)
            )
            return _existing(connection, environment, service, commit)

    def deployments(
        self, environment: str, service: str | None = None, limit: int = 50
    ) -> list[Deployment]:
        """The deployments, newest first."""
        query = select(deployments).where(deployments.c.environment == environment)
        if service is not None:
            query = query.where(deployments.c.service == service)
        query = query.order_by(deployments.c.at.desc(), deployments.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [noun_of(Deployment, row) for row in connection.execute(query)]

    def live(self, environment: str, service: str) -> Deployment | None:
        """The newest deployment of a service, by its time; what the ledger believes to run."""
        newest = self.deployments(environment, service, limit=1)
        return newest[0] if newest else None


def _of(
    table: Any,  # noqa: ANN401 - either table
    environment: str,
    service: str,
    commit: str,
) -> ColumnElement[bool]:
    return and_(
        table.c.environment == environment,
        table.c.service == service,
        table.c.commit == commit,
    )


def _newest(environment: str) -> Select[Any]:
    """The newest deployment of each release of an environment."""
    order = (deployments.c.at.desc(), deployments.c.id.desc())
    rank = func.row_number().over(
        partition_by=(deployments.c.service, deployments.c.commit), order_by=order
    )
    ranked = (
        select(deployments, rank.label("rank"))
        .where(deployments.c.environment == environment)
        .subquery()
    )
    return select(ranked.c.service, ranked.c.commit, ranked.c.at, ranked.c.id).where(
        ranked.c.rank == 1
    )


def _add(connection: Connection, release: Release) -> None:
    values = {field: getattr(release, field) for field in release.__struct_fields__}
    connection.execute(insert(releases).values(values))


def _release(connection: Connection, environment: str, service: str, commit: str) -> Release | None:
    found = connection.execute(
        select(releases).where(_of(releases, environment, service, commit))
    ).first()
    return noun_of(Release, found) if found else None


def _existing(connection: Connection, environment: str, service: str, commit: str) -> Release:
    release = _release(connection, environment, service, commit)
    if release is None:
        raise RefusedError(
            f"no release {commit} of {service} is known in {environment}",
            cause="it was neither deployed nor imported",
            mend=f"`lastgood deployment record --service {service} --commit {commit}`",
            code="unknown-release",
        )
    return release
