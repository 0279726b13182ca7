"""Rows of named tables are repaired, or a repair is taken back: parts of `lastgood db`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lastgood.cli.session import Session

TableOption = Annotated[
    list[str] | None,
    typer.Option(
        "--table", help="Repair only this table, SCHEMA.TABLE; the database is not replaced."
    ),
]
ColumnOption = Annotated[
    list[str] | None,
    typer.Option("--column", help="With --table: repair only this column of rows that are there."),
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", help="With --table: only rows like this, e.g. 'id>=100'."),
]
RepairOption = Annotated[
    str | None,
    typer.Option("--repair", help="Take this repair of single tables back, not a run."),
]


def repair_tables(
    session: Session,
    database: str | None,
    backup: str | None,
    tables: list[str],
    columns: list[str],
    where: list[str],
    accept_loss: str | None,
    confirm: str | None,
    *,
    dry_run: bool,
) -> ExitCode:
    """Give rows of tables the content of a backup."""
    from lastgood.app.databases.repairing import conditions, repair  # noqa: PLC0415 - when it runs
    from lastgood.app.request import acceptance  # noqa: PLC0415 - likewise
    from lastgood.cli.repair_text import repair_text  # noqa: PLC0415 - likewise
    from lastgood.model.repair import Wanted  # noqa: PLC0415 - likewise
    from lastgood.report.repaired import repair_document  # noqa: PLC0415 - likewise

    wanted = Wanted(tables=tuple(tables), columns=tuple(columns), where=conditions(where))
    accepted, project = acceptance(accept_loss), session.project
    if not dry_run:
        question = f"This overwrites rows of a database of {project.name}."
        session.confirm(project.name, confirm, question)
    done = repair(project, database, backup, wanted, accepted, session.tell, dry_run=dry_run)
    session.say(
        repair_document(*done, dry_run=dry_run), lambda: repair_text(*done, dry_run=dry_run)
    )
    return ExitCode.GOOD


def refuse_alone(columns: list[str] | None, where: list[str] | None) -> None:
    """Refuse what says something of tables where none is named.

    Raises:
        UsageError: it does.
    """
    if columns or where:
        raise UsageError(
            "--column and --where are of a table", mend="name it: --table SCHEMA.TABLE"
        )


def take_back_repair(
    session: Session, database: str | None, before: str, confirm: str | None, *, dry_run: bool
) -> ExitCode:
    """Undo a repair."""
    from lastgood.app.databases.repairing import take_back  # noqa: PLC0415 - when it runs
    from lastgood.cli.repair_text import taken_back_text  # noqa: PLC0415 - likewise
    from lastgood.report.repaired import repair_document  # noqa: PLC0415 - likewise

    project = session.project
    if not dry_run:
        question = f"This overwrites rows of a database of {project.name}."
        session.confirm(project.name, confirm, question)
    done = take_back(project, database, before, dry_run=dry_run)
    session.say(
        repair_document(*done, dry_run=dry_run), lambda: taken_back_text(*done, dry_run=dry_run)
    )
    return ExitCode.GOOD
