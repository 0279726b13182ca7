"""Which backup's restored copy may stay as the warm target. Pure: all that is known is an argument.

A warm target is what production returns to at night, by one swap and in a hurry. So in doubt a
backup does not become one: the copy that stood before is worth more than a newer doubtful one.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from lastgood.model.backup import BackupKind
from lastgood.model.noun import Noun
from lastgood.model.release import Standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.backup import Backup


class WarmMode(StrEnum):
    """Which backups are kept restored."""

    OFF = "off"
    BEFORE_DEPLOY = "before-deploy"
    EVERY_BACKUP = "every-backup"


class Ran(Noun, frozen=True, kw_only=True):
    """What ran of a service when the snapshot was taken, and since when runs what is live now.

    Attributes:
        commit: the release that was live at the snapshot; empty where nobody knows.
        standing: what is known of that release now.
        replaced_at: when what is live now was deployed; None where nobody knows.
    """

    service: str
    commit: str = ""
    standing: Standing | None = None
    replaced_at: datetime | None = None


class Situation(Noun, frozen=True, kw_only=True):
    """What promotion must know beside the backup.

    Attributes:
        ran: of every service of the environment.
        frozen: why nothing may be promoted or dropped now; empty when it may.
        hindrance: why no copy could take the live database's place; empty when one could.
        stands: ids of the backups whose copies stand as warm targets.
    """

    mode: WarmMode
    ran: tuple[Ran, ...] = ()
    frozen: str = ""
    hindrance: str = ""
    stands: tuple[str, ...] = ()


def why_not(backup: Backup, situation: Situation) -> str:
    """Why a proven backup must not become the warm target; empty when it may.

    The damage must not become the target: for every service, the snapshot was taken under a known
    good release, or it precedes what is live now and was not taken under a bad one.
    """
    if situation.mode is WarmMode.OFF:
        return "it is switched off"
    if backup.kind is BackupKind.IMPORTED:
        return "it was imported: which releases and roles belong to it is not known"
    if situation.mode is WarmMode.BEFORE_DEPLOY and backup.kind is not BackupKind.BEFORE_DEPLOY:
        return "only backups before a deployment are kept so"
    if situation.hindrance or situation.frozen:
        return situation.hindrance or situation.frozen
    if any(stands > backup.id for stands in situation.stands):
        return f"a newer one stands: {max(situation.stands)}"
    return doubt(backup, situation.ran)


def doubt(backup: Backup, ran: Sequence[Ran]) -> str:
    """Why what ran may have damaged what the snapshot shows; empty when nothing did."""
    return next((said for one in ran if (said := _doubt(backup, one))), "")


def surplus(situation: Situation) -> list[str]:
    """Which warm targets must go, the oldest first: only the newest stays, and none when it is off.

    Nothing goes while it is frozen. By their names, so that two backups at once agree on which one
    stays and neither drops the other's.
    """
    if situation.frozen:
        return []
    stands = sorted(situation.stands)
    return stands if situation.mode is WarmMode.OFF else stands[:-1]


def _doubt(backup: Backup, ran: Ran) -> str:
    """Why a service may have damaged what the snapshot shows; empty when it did not."""
    if ran.standing is Standing.KNOWN_GOOD:
        return ""
    if ran.standing is Standing.BAD:
        return f"{ran.service} {ran.commit[:12]} was live then, and is bad"
    if ran.replaced_at is not None and backup.created_at < ran.replaced_at:
        return ""
    if not ran.commit:
        return f"nobody knows which {ran.service} was live then"
    return f"{ran.service} {ran.commit[:12]} was live then, and is not known good"
