"""`lastgood db`: a database comes back, and what was replaced is not lost."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lastgood.cli.backup import DatabaseOption
from lastgood.cli.physical import AtOption, PhysicalOption, ServerOption, physical_words
from lastgood.cli.repairing import (
    ColumnOption,
    RepairOption,
    TableOption,
    WhereOption,
    refuse_alone,
    repair_tables,
    take_back_repair,
)
from lastgood.cli.rollback import (
    AcceptLossOption,
    BackupOption,
    ConfirmOption,
    ReasonOption,
    SlotsOption,
    TakeOverOption,
)
from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode, UsageError

app = typer.Typer(
    no_args_is_help=True, help="Bring a database back; undo that; salvage what was replaced."
)

QuarantineArgument = Annotated[
    str | None, typer.Argument(help="The replaced database; else the newest.")
]


@command(app, "preview")
def preview(session: Session, database: DatabaseOption = None, backup: BackupOption = None) -> None:
    """Count what would vanish, return and change, table by table; changes nothing."""
    from lastgood.app.databases.surveying import preview as count  # noqa: PLC0415 - when it runs
    from lastgood.cli.loss_text import loss_text  # noqa: PLC0415 - likewise
    from lastgood.report.losses import preview_document  # noqa: PLC0415 - likewise

    name, copy, loss = count(session.project, database, backup)
    named = f" --database {database}" if database else ""
    named += f" --backup {copy.id}" if backup else ""
    way = "swap" if copy.stands else "restore"
    command = f"lastgood db {way}{named} --confirm {session.project.name}"
    session.say(
        preview_document(name, copy.id, copy.at, loss),
        lambda: loss_text(name, copy.id, loss, command),
    )


@command(app, "restore")
def restore(
    session: Session,
    database: DatabaseOption = None,
    backup: BackupOption = None,
    accept_loss: AcceptLossOption = None,
    reason: ReasonOption = "",
    take_over: TakeOverOption = None,
    confirm: ConfirmOption = None,
    table: TableOption = None,
    column: ColumnOption = None,
    where: WhereOption = None,
    at: AtOption = None,
    *,
    physical: PhysicalOption = False,
    whole_server: ServerOption = False,
    drop_slots: SlotsOption = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Bring a database back to a backup: restored beside it where need be, then swapped in.

    With --table only rows of these tables get the content of the backup.
    """
    if table:
        return repair_tables(
            session, database, backup, table, column or [], where or [], accept_loss, confirm,
            dry_run=dry_run,
        )  # fmt: skip
    refuse_alone(column, where)
    return _exchange(
        session, database, backup, accept_loss, reason, take_over, confirm,
        drop_slots=drop_slots, dry_run=dry_run, restores=True,
        physical=physical_words(backup, at, physical=physical, whole_server=whole_server),
    )  # fmt: skip


@command(app, "swap")
def swap(
    session: Session,
    database: DatabaseOption = None,
    backup: BackupOption = None,
    accept_loss: AcceptLossOption = None,
    reason: ReasonOption = "",
    take_over: TakeOverOption = None,
    confirm: ConfirmOption = None,
    *,
    drop_slots: SlotsOption = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Swap in the warm target, or another restored copy that stands; nothing is restored."""
    return _exchange(
        session, database, backup, accept_loss, reason, take_over, confirm,
        drop_slots=drop_slots, dry_run=dry_run, restores=False,
    )  # fmt: skip


@command(app, "undo")
def undo(
    session: Session,
    run: Annotated[
        str | None, typer.Argument(help="The run to undo; else the newest that changed anything.")
    ] = None,
    database: DatabaseOption = None,
    accept_loss: AcceptLossOption = None,
    reason: ReasonOption = "",
    take_over: TakeOverOption = None,
    confirm: ConfirmOption = None,
    repair: RepairOption = None,
    *,
    drop_slots: SlotsOption = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Swap the replaced database back; what was written since then would go, and is counted."""
    if repair is not None:
        return take_back_repair(session, database, repair, confirm, dry_run=dry_run)
    from lastgood.app.request import Data, undo_request  # noqa: PLC0415 - only when it runs
    from lastgood.cli.doing import Going, carry_through  # noqa: PLC0415 - likewise

    data = Data(
        wanted=True, database=database, accept_loss=accept_loss, drop_slots=drop_slots, code=False
    )
    request = undo_request(session.project, run, reason, data)
    going = Going(confirm=confirm, dry_run=dry_run, take_over=take_over)
    return carry_through(session, request, going)


@command(app, "salvage")
def salvage(
    session: Session,
    quarantine: QuarantineArgument = None,
    database: DatabaseOption = None,
    confirm: ConfirmOption = None,
    *,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Bring rows written since the backup from the replaced database into the live one."""
    from lastgood.app.databases.salvaging import salvage as bring  # noqa: PLC0415 - when it runs
    from lastgood.cli.loss_text import salvage_text  # noqa: PLC0415 - likewise
    from lastgood.report.losses import salvage_document  # noqa: PLC0415 - likewise

    if not dry_run:
        question = f"This writes into a database of {session.project.name}."
        session.confirm(session.project.name, confirm, question)
    done = bring(session.project, database, quarantine, dry_run=dry_run)
    session.say(
        salvage_document(done.database, done.quarantine, done.salvage, dry_run=dry_run),
        lambda: salvage_text(done.database, done.quarantine, done.salvage, dry_run=dry_run),
    )
    return ExitCode.GOOD


@command(app, "quarantine")
def quarantine(
    session: Session,
    database: DatabaseOption = None,
    drop: Annotated[
        str | None,
        typer.Option("--drop", help="Drop this replaced database, or rows of a repair, for good."),
    ] = None,
    confirm: ConfirmOption = None,
    *,
    drop_warm_target: Annotated[
        bool, typer.Option("--drop-warm-target", help="Drop the warm target, for its disk space.")
    ] = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """List the replaced databases that are kept, and rows before repairs, or drop one."""
    from rich.console import Group  # noqa: PLC0415 - only when it runs

    from lastgood.app.databases import quarantine as kept  # noqa: PLC0415 - only when it runs
    from lastgood.app.databases.befores import befores, forget  # noqa: PLC0415 - likewise
    from lastgood.cli.loss_text import quarantine_text  # noqa: PLC0415 - likewise
    from lastgood.cli.repair_text import befores_text  # noqa: PLC0415 - likewise
    from lastgood.report.losses import quarantine_document  # noqa: PLC0415 - likewise
    from lastgood.report.repaired import befores_document  # noqa: PLC0415 - likewise

    if drop is not None and drop_warm_target:
        raise UsageError("--drop and --drop-warm-target exclude each other", mend="give one")
    project = session.project
    place = kept.swapping_place(project, database)
    if drop_warm_target:
        return _drop_warm(session, place.name, confirm, dry_run=dry_run)
    if drop is not None:
        is_before = drop in {one.id for one in befores(project, place.name)}
        chosen = drop if is_before else kept.former(project, place, drop)
        what = "what is kept before the repair" if is_before else "the replaced database"
        if dry_run:
            session.would(f"drop {what} {chosen}", {"id": chosen})
            return ExitCode.GOOD
        session.confirm(project.name, confirm, f"This drops {what} {chosen}, for good.")
        if is_before:
            forget(project, place.name, chosen, "a person said so")
        else:
            kept.drop(project, place, chosen, "a person said so")
    found, rows = kept.formers(project, place), befores(project, place.name)
    session.say(
        quarantine_document(place.name, found) | {"repairs": befores_document(rows)},
        lambda: Group(quarantine_text(place.name, found), *befores_text(rows)),
    )
    return ExitCode.GOOD


def _drop_warm(session: Session, database: str, confirm: str | None, *, dry_run: bool) -> ExitCode:
    from lastgood.app.backups.warming import drop_warm  # noqa: PLC0415 - only when it runs

    project = session.project
    if not dry_run:
        question = f"This drops the warm target of {database}: a rollback has to restore again."
        session.confirm(project.name, confirm, question)
    dropped = drop_warm(project, database, dry_run=dry_run)
    if dry_run:
        session.would(f"drop {', '.join(dropped) or 'nothing'}", {"warm_targets": dropped})
    else:
        said = f"dropped: {', '.join(dropped) or 'nothing, none stood'}"
        session.say({"dropped": dropped}, lambda: said)
    return ExitCode.GOOD


def _exchange(
    session: Session,
    database: str | None,
    backup: str | None,
    accept_loss: str | None,
    reason: str,
    take_over: str | None,
    confirm: str | None,
    *,
    drop_slots: bool,
    dry_run: bool,
    restores: bool,
    physical: dict[str, Any] | None = None,
) -> ExitCode:
    from lastgood.app.request import Data, rollback_request  # noqa: PLC0415 - only when it runs
    from lastgood.cli.doing import Going, carry_through  # noqa: PLC0415 - likewise
    from lastgood.model.verdict import Method  # noqa: PLC0415 - likewise

    data = Data(
        wanted=True, database=database, backup=backup, accept_loss=accept_loss,
        drop_slots=drop_slots, code=False, restores=restores, descends=False, **physical or {},
    )  # fmt: skip
    request = rollback_request(
        session.project, to=[], drop=None, services=[], method=Method.DATABASE, reason=reason,
        data=data,
    )  # fmt: skip
    return carry_through(
        session, request, Going(confirm=confirm, dry_run=dry_run, take_over=take_over)
    )
