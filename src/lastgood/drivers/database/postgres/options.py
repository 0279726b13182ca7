"""What can be written for a PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from lastgood.config.backup import BackupSettings
from lastgood.config.base import Strict
from lastgood.config.options import (
    Argv,
    ByteSize,
    ConfigPath,
    DriverOptions,
    Duration,
    GitPath,
    Interval,
    Secret,
    mistake,
)
from lastgood.drivers.database.postgres.backup.expectation import Expectation
from lastgood.drivers.database.postgres.physical.physical import Physical

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


def _dsn(secret: Secret) -> Secret:
    # Read by libpq itself when it is used; here only what would be a slip of the pen.
    text = secret.reveal()
    if "\0" in text or not ("=" in text or text.startswith(("postgresql://", "postgres://"))):
        raise mistake(
            "this is no PostgreSQL address",
            "write postgresql://user:password@host/database, or `host=... dbname=...`",
        )
    return secret


Dsn = Annotated[Secret, AfterValidator(_dsn)]


def _expectation(written: object) -> object:
    # `expect: 3` and `expect: true` are what people write.
    if isinstance(written, bool):
        return str(written).lower()
    return f"= {written}" if isinstance(written, int | float) else written


def _readable(text: str) -> str:
    try:
        Expectation.parse(text)
    except ValueError as error:
        raise mistake(
            str(error), 'write "> 0", "= 3", "between 1 and 5", or the text that is expected'
        ) from None
    return text


_WARM_TARGET = {
    "anyOf": [
        {"type": "string", "enum": ["off", "before-deploy", "every-backup"]},
        {"type": "boolean"},
    ]
}


class Migrations(Strict):
    """How the schema is migrated."""

    tool: str = Field("alembic", description="The tool, e.g. `alembic`.")
    path: GitPath = Field(
        description="The folder with the migrations, from the repository's root: a backup before a "
        "deployment keeps those of the release that is about to go live, and tries them up and "
        "down on a throwaway copy."
    )
    command: Argv | None = Field(
        None,
        description="How Alembic is called, e.g. `[/srv/app/.venv/bin/alembic]` where `env.py` "
        "needs what the application needs; else `alembic` as it is found, else our own.",
    )
    url_variable: str = Field(
        "DATABASE_URL",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The variable of the environment by which `env.py` is told the database's "
        "address.",
    )
    timeout: Interval = Field(300.0, description="How long one run of the tool may take.")


class Query(Strict):
    """A query that says whether the content makes sense."""

    name: str = Field(min_length=1, max_length=200, description="What it shows, for reports.")
    sql: str = Field(min_length=1, description="A query of one row with one column.")
    expect: Annotated[str, BeforeValidator(_expectation), AfterValidator(_readable)] = Field(
        description='What it must answer: `"> 0"`, `"= 3"`, `"between 1 and 5"`, or a text.'
    )


class Hook(Strict):
    """Something to be done before clients come back; a text alone is SQL."""

    sql: str | None = Field(None, description="Statements that are run in the database.")
    command: Argv | None = Field(None, description="A command that is run.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:  # noqa: ANN401 - whatever was written
        return {"sql": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A text that is SQL, or a mapping with one of the two keys."""
        mapping = {**handler(core), "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"type": "string", "minLength": 1}, mapping]}

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.sql) == bool(self.command):
            raise mistake("this hook does nothing, or two things", "write `sql` or `command`")
        return self


class Contract(Strict):
    """A command of the project's that says whether a release can work with a restored copy."""

    command: Argv = Field(
        description="The command, e.g. the last good release's smoke tests; `{commit}` stands for "
        "the release that was live at the backup's snapshot, where that was one."
    )
    url_variable: str = Field(
        "DATABASE_URL",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The environment variable that says where the copy is.",
    )
    timeout: Duration = Field(120.0, description="What takes longer has failed.")


class PostgresOptions(DriverOptions):
    """The options of a PostgreSQL database."""

    dsn: Dsn = Field(
        description="Address of the database, with a role that owns it; the password may be in it."
    )
    direct_dsn: Dsn | None = Field(
        None, description="The same database past the pooler, when `dsn` goes through one."
    )
    admin_dsn: Dsn | None = Field(
        None, description="The same server, with a role that may make databases (CREATEDB)."
    )
    proof_dsn: Dsn | None = Field(
        None, description="Another server, where backups are restored to be proven."
    )
    programs: ConfigPath | None = Field(
        None, description="The folder with pg_dump and pg_restore, when they are not found."
    )
    restore_jobs: int = Field(
        2, ge=1, le=64, description="How many connections make a restored copy's indexes at once."
    )
    migrations: Migrations | None = Field(None, description="How the schema is migrated.")
    warm_target: Annotated[
        Literal["off", "before-deploy", "every-backup"], WithJsonSchema(_WARM_TARGET)
    ] = Field(
        "before-deploy", description="Which backups are kept restored, ready to be swapped in."
    )
    disk: ByteSize | None = Field(
        None,
        description="How large the server's disk is, e.g. `200GB`: a copy that would not fit "
        "beside the databases is not begun. On this machine it is measured instead.",
    )
    quarantine: Duration = Field(
        604_800.0, description="How long a replaced database is kept, closed, for undo."
    )
    backup: BackupSettings = Field(
        default_factory=BackupSettings, description="When and where backups are made."
    )
    verify: tuple[Query, ...] = Field((), description="Queries that a restored copy must satisfy.")
    verify_timeout: Interval = Field(60.0, description="A query that takes longer has failed.")
    contract: Contract | None = Field(
        None,
        description="A command that is run against a restored copy; when it fails the copy is not "
        "swapped in.",
    )
    salvage_limit: Duration = Field(
        300.0, description="A salvage that would keep others waiting for longer is given up."
    )
    before_open: tuple[Hook, ...] = Field(
        (), description="What is done in a restored database before clients come back."
    )
    before_open_timeout: Interval = Field(
        10.0, description="A hook of `before_open` that takes longer has failed."
    )

    physical: Physical | None = Field(
        None,
        description="How the whole server goes back in time by pgBackRest, when it runs on this "
        "machine: `{stanza, stop, start}`.",
    )

    @field_validator("warm_target", mode="before")
    @classmethod
    def _from_truth(cls, written: object) -> object:
        if isinstance(written, bool):
            return "before-deploy" if written else "off"
        return written

    @field_validator("verify")
    @classmethod
    def _names_differ(cls, queries: tuple[Query, ...]) -> tuple[Query, ...]:
        names = [query.name for query in queries]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise mistake(f"there are two queries named {twice[0]!r}", "give each its own name")
        return queries

    @property
    def live(self) -> Secret:
        """The address that is dumped: a pooler gives no session that a snapshot could live in."""
        return self.direct_dsn or self.dsn
