"""What is asked for, and what is known of each service: all that a plan is made from."""

from __future__ import annotations

from datetime import datetime

import msgspec

from lastgood.model.loss import Loss
from lastgood.model.noun import Noun
from lastgood.model.plan import PlanKind
from lastgood.model.problem import Problem
from lastgood.model.release import Release
from lastgood.model.route import Route
from lastgood.model.verdict import Damage, Method


class Acceptance(Noun, frozen=True, kw_only=True):
    """Which loss of data somebody accepts.

    Attributes:
        rows: at most so many rows may vanish; None when nobody can know how many will.
    """

    rows: int | None


class PlanRequest(Noun, frozen=True, kw_only=True):
    """What somebody wants.

    Attributes:
        services: the services that were named; empty means those with a target, else the verdict's,
            else all.
        targets: the full commit to come back to, for services where one was named.
        method: auto takes the cheapest way that is enough; a named method takes only that.
        drop: a commit, or `FIRST..LAST`, to take out instead of going back wholly.
        undoes: the run that an undo puts back.
        by: who wants it; named in a commit that is made on the way.
        code: whether services go back.
        databases: the databases that go back, by name.
        backup: the backup that they go back to; else the best one is chosen.
        acceptance: which loss of data was accepted; None when nothing was said of it.
        drop_slots: a replaced database's logical replication slots may be dropped.
        restores: a backup whose copy does not stand may be restored first.
        physical: they go back by the files of their server.
        at: the moment that they go back to then; else a backup's restore point.
        whole_server: other databases of that server may go back with them.
        insists: the databases were asked for by a person; else code goes back without them where
            it can.
        damage: what is known to be damaged, where a way down may be enough for it.
    """

    environment: str
    kind: PlanKind = PlanKind.ROLLBACK
    services: tuple[str, ...] = ()
    targets: dict[str, str] = msgspec.field(default_factory=dict)
    method: Method = Method.AUTO
    drop: str | None = None
    reason: str = ""
    undoes: str | None = None
    by: str = ""
    code: bool = True
    databases: tuple[str, ...] = ()
    backup: str | None = None
    acceptance: Acceptance | None = None
    drop_slots: bool = False
    restores: bool = True
    physical: bool = False
    at: datetime | None = None
    whole_server: bool = False
    insists: bool = True
    damage: Damage = Damage.NONE


class ServiceFacts(Noun, frozen=True, kw_only=True):
    """What is known of one service, read from the ledger, its deploy drivers and its checks.

    Attributes:
        live: the commit that runs; None when nobody can tell.
        strays: the instances that answer another version than the live one, with that version.
        releases: the ledger's releases of this service.
        routes: what its deploy drivers say of the ways to each target that comes into question.
        built_on_held: releases that are held because they are built on a held one.
        shared_key: equal for two services whose moves push to the same branch of the same remote.
        names_version: one of its checks says which version answers.
        tells_current: its deploy driver says what runs.
        every_instance: each instance is asked, not just one address.
    """

    name: str
    live: str | None
    strays: dict[str, str] = msgspec.field(default_factory=dict)
    releases: tuple[Release, ...] = ()
    routes: tuple[Route, ...] = ()
    built_on_held: tuple[str, ...] = ()
    shared_key: str | None = None
    names_version: bool = False
    tells_current: bool = False
    every_instance: bool = False


class Candidate(Noun, frozen=True, kw_only=True):
    """A copy that could take a database's place.

    Attributes:
        id: the backup's; for an undo the quarantined database's.
        at: whose moment the data would return to.
        stands: it is there, closed, and need not be restored.
        restore_s: seconds that its restore took when it was proven; None where nobody knows.
        doubt: why its content may be damaged, too; empty when nothing says so.
        before: the commit before whose deployment it was made.
        physical: it is a moment that the server's files go back to.
        restore_point: the name of that moment in the server's log.
    """

    id: str
    at: datetime | None
    stands: bool
    restore_s: float | None = None
    doubt: str = ""
    before: str | None = None
    physical: bool = False
    restore_point: str | None = None


class Descent(Noun, frozen=True, kw_only=True):
    """A way down that was rehearsed and leads from where the live schema is.

    Attributes:
        backup: with which the migrations are kept: the one before the live release's deployment.
        before: that release's commit.
        releases: what was live of each service at the backup.
        upper: the revision of the live schema.
        lower: the one that it comes down to.
        seconds: that the way down took.
        loss: what goes with it, as the rehearsal and the live tables say.
    """

    backup: str
    before: str
    releases: dict[str, str]
    upper: str
    lower: str
    seconds: float
    loss: Loss


class DatabaseFacts(Noun, frozen=True, kw_only=True):
    """What is known of one database that shall go back.

    Attributes:
        candidates: what it could go back to, the newest first.
        obstacles: what stands in the way of replacing it now.
        losses: what would be lost, by the candidate's id, where it was counted.
        quarantine: the id under which the replaced one would be kept.
        descent: the rehearsed way down, where there is one.
        unread: why its backups cannot be read; what stands restored is known all the same.
    """

    name: str
    candidates: tuple[Candidate, ...] = ()
    obstacles: tuple[Problem, ...] = ()
    losses: dict[str, Loss] = msgspec.field(default_factory=dict)
    quarantine: str = ""
    descent: Descent | None = None
    unread: Problem | None = None


class PastStep(Noun, frozen=True, kw_only=True):
    """How long a step took that really did something (neither failed nor found done).

    Attributes:
        method: the move's method, for steps that belong to one.
    """

    kind: str
    seconds: float
    service: str | None = None
    method: Method | None = None
