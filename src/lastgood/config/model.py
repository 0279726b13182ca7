"""The settings: what `lastgood.yaml` says, typed and complete with defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, PrivateAttr, field_validator, model_validator

from lastgood.config.base import Strict
from lastgood.config.driven import Driven
from lastgood.config.duration import Duration, Interval
from lastgood.config.fault import mistake, suggestion
from lastgood.config.fields import Argv, Name, Reachable, Url
from lastgood.config.later import later
from lastgood.config.reading import Reading
from lastgood.config.state import StateAddress, StateSchema
from lastgood.errors import UsageError
from lastgood.ports.spec import Family


class Deploy(Driven):
    """One way to put a release of the service live; the driver's options stand beside it."""

    family: ClassVar[Family] = "deploy"


class Check(Driven):
    """One look at one address, again and again.

    Its driver is named by its key (`url`, `tcp`, `command`, `log`) or by `driver`.
    """

    family: ClassVar[Family] = "check"

    every: Interval = Field(5.0, description="Time from one look to the next.")
    during_rollback: Interval = Field(
        1.0, description="Time from one look to the next while a rollback runs."
    )
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")
    fail_after: int = Field(3, ge=1, le=1000, description="Bad looks in a row until it is failing.")
    recover_after: int = Field(
        2, ge=1, le=1000, description="Good looks in a row until it is healthy again."
    )


class Signal(Driven):
    """A measured series, such as the share of users affected."""

    family: ClassVar[Family] = "signal"


class Database(Driven):
    """A database of the environment."""

    family: ClassVar[Family] = "database"


class Maintenance(Driven):
    """How the maintenance page is put up and taken down."""

    family: ClassVar[Family] = "maintenance"


class Notify(Driven):
    """A place where people are told."""

    family: ClassVar[Family] = "notify"


class Instances(Strict):
    """Where the service's instances answer, so that each one's version can be asked."""

    urls: tuple[Url, ...] = Field((), description="Base address of each instance.")
    command: Argv | None = Field(
        None, description="A command that prints one base address per line."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, data: Any) -> Any:  # noqa: ANN401 - whatever was written
        return {"urls": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _one_way(self) -> Instances:
        if bool(self.urls) == bool(self.command):
            raise mistake(
                "the instances are not said", "write a list of addresses, or {command: [argv]}"
            )
        return self


class Service(Strict):
    """One deployable part of the environment."""

    deploy: tuple[Deploy, ...] = Field(
        description="How releases are put live: one way, or a list of ways, cheapest first."
    )
    checks: tuple[str, ...] = Field((), description="Names of the checks that show its health.")
    instances: Instances | None = Field(
        None,
        description="Addresses of the instances, or {command: [argv]} that prints them; without "
        "it the proof says that one address answered.",
    )
    stop: Argv | None = Field(
        None,
        description="Stops the service while its database is replaced; harmless when it is stopped "
        "already. Only together with `start`.",
    )
    start: Argv | None = Field(
        None, description="Starts the service again; harmless when it runs already."
    )

    @field_validator("deploy", mode="before")
    @classmethod
    def _as_list(cls, written: Any) -> Any:  # noqa: ANN401 - whatever was written
        if written == []:
            raise mistake("this is empty", "write a mapping with `driver`, or a list of them")
        return [written] if isinstance(written, dict) else written


class Policy(Strict):
    """The thresholds of the decision; each is strict: 50 % is not over 50 %."""

    rollback_over_share: float = Field(
        0.5, ge=0, le=1, description="Share of users affected above which it is a rollback."
    )
    outage_over: Duration = Field(
        600.0, description="Complete outage above which it is a rollback on its own."
    )
    hotfix_under: Duration = Field(
        600.0, description="A hotfix that takes less than this is waited for."
    )
    auto: Literal["advise", "rollback"] = Field(
        "advise", description="`advise`: a person decides; `rollback`: act on the verdict."
    )


class Contact(Strict):
    """A person who can be reached."""

    name: str | None = Field(None, description="Who it is.")
    phone: str | None = Field(None, description="Telephone number.")
    email: str | None = Field(None, description="Mail address.")
    after: Duration | None = Field(
        None, description="Called when nobody acknowledged for this long."
    )


class Contacts(Strict):
    """Whom to call."""

    primary: Contact | None = Field(None, description="On call first.")
    secondary: Contact | None = Field(None, description="On call when the first does not answer.")
    escalation: Contact | None = Field(None, description="Called when nobody answers.")
    external: dict[str, str] = Field(
        default_factory=dict, description="Support of others: hosting, database, cdn..."
    )


class Environment(Strict):
    """One place where the project runs."""

    budget: Interval = Field(300.0, description="A rollback that takes longer is over budget.")
    stability: Duration = Field(
        1800.0, description="How long all must stay healthy until a release is known good."
    )
    decision_maker: str | None = Field(
        None, description=later("Who may approve a rollback, by contact name.")
    )
    links: dict[str, str] = Field(
        default_factory=dict, description=later("Pages to look at in an incident, by name.")
    )
    services: dict[Name, Service] = Field(
        default_factory=dict, description="The deployable parts, by name."
    )
    databases: dict[Name, Database] = Field(
        default_factory=dict, description="The databases, by name."
    )
    checks: dict[Name, Check] = Field(default_factory=dict, description="The checks, by name.")
    signals: dict[Name, Signal] = Field(
        default_factory=dict, description="The measured series, by name."
    )
    connectivity: tuple[Reachable, ...] = Field(
        (),
        description="Addresses, `host:port`, that always answer: when none of them does, this "
        "machine is cut off, and its failed looks say nothing of the services.",
    )
    policy: Policy = Field(default_factory=Policy, description="When to roll back.")
    maintenance: Maintenance | None = Field(None, description=later("The maintenance page."))
    notify: tuple[Notify, ...] = Field((), description=later("Where people are told."))
    contacts: Contacts = Field(default_factory=Contacts, description=later("Whom to call."))


class Drills(Strict):
    """Rehearsals of a rollback."""

    environment: str = Field(description="The environment that is drilled.")
    schedule: str | None = Field(None, description="When, as people say it.")


class Settings(Strict):
    """The whole file."""

    version: Literal[1] = Field(description="Of this format.")
    project: Name = Field(description="The project's name.")
    state: Annotated[StateAddress, StateSchema] = Field(
        default=cast("StateAddress", "sqlite:///.lastgood/state.db"),
        validate_default=True,
        description="Where lastgood keeps its state: sqlite:///PATH or postgresql://...",
    )
    engine: Literal["direct"] = Field("direct", description="What runs the plans.")
    environments: Annotated[dict[Name, Environment], Field(min_length=1)] = Field(
        description="The places where the project runs, by name."
    )
    drills: Drills | None = Field(None, description=later("Rehearsals."))

    _reading: Reading = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's signature
        """Keep what the reading found beside the settings: file, secrets, what is left out."""
        self._reading = context if isinstance(context, Reading) else Reading(file=Path("/"))

    @property
    def file(self) -> Path:
        """The configuration file, absolute."""
        return self._reading.file

    @property
    def folder(self) -> Path:
        """The file's folder: relative paths start here, commands run here."""
        return self._reading.folder

    @property
    def secrets(self) -> frozenset[str]:
        """Every text that must be masked in output and in what children print."""
        return frozenset(self._reading.secrets)

    @property
    def names(self) -> tuple[str, ...]:
        """All environments in the file, also those that were not read."""
        return tuple(sorted({*self.environments, *self._reading.left_out}))

    def environment(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            UsageError: there is none, or it was not read since another one was chosen.
        """
        found = self.environments.get(name)
        if found is None:
            raise unknown_environment(name, self.names)
        return found


def unknown_environment(name: str, names: tuple[str, ...]) -> UsageError:
    """The error for a name that is none of the file's environments."""
    if name in names:
        return UsageError(
            f"the environment {name} was not read",
            cause="another environment was chosen for this command",
            mend=f"add --env {name}",
            code="environment-not-read",
        )
    return UsageError(
        f"there is no environment {name[:70]!r}",
        cause=f"the file has: {', '.join(names)}",
        mend=suggestion(name, names),
        code="unknown-environment",
    )
