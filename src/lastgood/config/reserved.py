"""Driver families that no driver implements yet: their keys are kept as they were written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from lastgood.config.fault import nearest
from lastgood.config.options import DriverOptions
from lastgood.config.reading import Reading, Referred
from lastgood.config.secret import Secret, maskable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lastgood.ports.spec import DriverRegistry, Family


class AsWritten(DriverOptions):
    """Options of a driver that this version does not have: nothing but written values."""

    values: dict[str, Any] = Field(default_factory=dict, description="The keys as written.")


@dataclass(frozen=True)
class Contract:
    """What is known of a family's keys before a driver reads them.

    Attributes:
        secret: those of the keys whose text is a secret.
        named_by: keys that name a driver by their presence, as the contract has them.
        promised: drivers that the contract names and this version does not have.
    """

    keys: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    named_by: Mapping[str, str] = field(default_factory=dict)
    promised: frozenset[str] = frozenset()


CONTRACTS: dict[Family, Contract] = {
    "check": Contract(named_by={"url": "http", "tcp": "tcp", "command": "command", "log": "log"}),
    "deploy": Contract(promised=frozenset({"github-actions", "render"})),
    "notify": Contract(frozenset({"channel", "token", "audience"}), frozenset({"token"})),
    "maintenance": Contract(frozenset({"enable", "disable"})),
}


def named_by(family: Family, registry: DriverRegistry) -> dict[str, str]:
    """The keys that name a driver of a family by their presence, with the driver's name."""
    contract = CONTRACTS.get(family, Contract())
    return {**contract.named_by, **registry.keys(family)}


def keep(family: Family, written: dict[str, Any], reading: Reading) -> AsWritten:
    """Keep the options; a text that is or may be a secret becomes one.

    A key that looks like a slip of the pen in a known key is a fault; other keys are the coming
    driver's business.

    Raises:
        ValidationError: such keys, each by its name.
    """
    contract = CONTRACTS.get(family, Contract())
    slips = [
        InitErrorDetails(
            type=PydanticCustomError(
                "unknown_key", "unknown key", {"known": sorted(contract.keys)}
            ),
            loc=(key,),
            input=None,
        )
        for key in written
        if key not in contract.keys and nearest(key, contract.keys - written.keys())
    ]
    if slips:
        raise ValidationError.from_exception_data(family, slips, hide_input=True)
    return AsWritten(
        values={
            key: _secured(value, reading, secret=key in contract.secret)
            for key, value in written.items()
        }
    )


def _secured(value: Any, reading: Reading, *, secret: bool = False) -> Any:  # noqa: ANN401 - whatever was written
    if isinstance(value, dict):
        return {key: _secured(inner, reading) for key, inner in value.items()}
    if isinstance(value, list):
        return tuple(_secured(inner, reading) for inner in value)
    if isinstance(value, str) and (secret or isinstance(value, Referred)):
        reading.secrets.update(maskable(value))
        return Secret(value)
    return value
