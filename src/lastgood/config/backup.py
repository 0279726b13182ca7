"""What is said of a database's backups, whichever driver dumps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from lastgood.config.base import Strict
from lastgood.config.bytesize import ByteSize
from lastgood.config.driven import Driven
from lastgood.config.duration import Duration, Interval
from lastgood.ports.spec import Family

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class Store(Driven):
    """Where backups lie; an address alone is its `url`."""

    family: ClassVar[Family] = "objects"

    @model_validator(mode="before")
    @classmethod
    def _from_address(cls, data: Any) -> Any:  # noqa: ANN401 - whatever was written
        return {"driver": "obstore", "url": data} if isinstance(data, str) else data

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """An address, or a mapping; `schema.schema` says what may be in that, by its driver."""
        del core, handler
        return {"anyOf": [{"type": "string"}, {"type": "object", "required": ["url"]}]}


class BackupSettings(Strict):
    """When backups are made, where they lie, who can open them."""

    every: Interval = Field(21_600.0, description="Time from one backup to the next.")
    keep: Duration = Field(604_800.0, description="How long a backup is kept.")
    keep_manual: Duration = Field(
        2_592_000.0, description="How long one is kept that a person asked for."
    )
    daily: int = Field(
        0, ge=0, le=3660, description="Of how many days the last proven one is kept beyond that."
    )
    weekly: int = Field(0, ge=0, le=520, description="Of how many weeks.")
    store: Store | None = Field(
        None,
        description="Where backups lie: `file:///path`, `s3://bucket/prefix`, `gs://`, `az://`.",
    )
    recipients: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="Who can open a backup, at least two: `file:PATH`, `age:age1...`, "
        "`aws-kms:ARN`.",
    )
    snapshot_limit: Interval = Field(
        7_200.0, description="How long a dump may keep the server from tidying up."
    )
    proof_rate: ByteSize | None = Field(
        None,
        description="How much of a dump a proof gives the server in a second, e.g. `50MB`; as much "
        "as it takes when left out.",
    )
