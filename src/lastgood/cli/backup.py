"""`lastgood backup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import DryRunOption, Session, command
from lastgood.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lastgood.app.backups.place import Place
    from lastgood.app.backups.standing import Stands
    from lastgood.model.backup import StoredBackup

app = typer.Typer(
    no_args_is_help=True, help="Make, prove, list, keep and drop backups of a database."
)

DatabaseOption = Annotated[
    str | None, typer.Option("--database", help="Which one; needed when there are several.")
]
BackupArgument = Annotated[str | None, typer.Argument(help="Its id; else the newest.")]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        help="A key file, age identity or aws-kms:ARN; else a recipient's that is here.",
    ),
]


@command(app, "create")
def create(
    session: Session,
    database: DatabaseOption = None,
    before_deploy: Annotated[
        str | None, typer.Option("--before-deploy", help="The commit that is about to be deployed.")
    ] = None,
    *,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Only when the newest one is old enough: for cron.")
    ] = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Dump, seal and store a database, and prove it by a restore."""
    from lastgood.app.backups.ordering import order_backup, would_order  # noqa: PLC0415 - when it runs
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise
    from lastgood.report.documents import error_document, plain  # noqa: PLC0415 - likewise

    if dry_run:
        act, document = would_order(session.project, database, if_due=if_due)
        session.would(act, document)
        return ExitCode.GOOD
    made = order_backup(session.project, database, before_deploy, if_due=if_due, tell=session.tell)
    stored = made.stored
    if stored is None:
        document = {"due": False, "under_way": made.under_way, "next_at": plain(made.next_at)}
        due = f"not due before {made.next_at:%Y-%m-%d %H:%M:%S} UTC" if made.next_at else ""
        session.say(document, lambda: due or "one is being made already")
        return ExitCode.GOOD
    stands = made.stands
    document = backup_document(stored, made.store, warm=stands.has(stored.backup.id))
    if made.unproven is not None:
        # One document: a program must learn of the backup, which is there, and of what is not.
        session.veil(made.unproven)
        document |= error_document(made.unproven)
        session.warn(made.unproven)
    session.say(document, lambda: summary(stored, made.store, stands))
    return ExitCode.GOOD if stored.restorable else ExitCode.FAILED


@command(app, "import")
def import_(
    session: Session,
    file: Annotated[Path, typer.Argument(help="A dump: plain SQL, gzipped, custom, tar, folder.")],
    database: DatabaseOption = None,
    key: KeyOption = None,
    *,
    trusted: Annotated[
        bool,
        typer.Option(
            "--trusted", help="It is our own: load it though our role could harm the server."
        ),
    ] = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Make a proven backup of a dump that was made without lastgood."""
    from lastgood.app.backups.importing import import_backup, would_import  # noqa: PLC0415 - when it runs
    from lastgood.app.backups.standing import UNASKED  # noqa: PLC0415 - likewise
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise

    if dry_run:
        session.would(*would_import(session.project, database, file))
        return ExitCode.GOOD
    made = import_backup(session.project, database, file, key, trusted=trusted, tell=session.tell)
    document = backup_document(made.stored, made.store, warm=False)  # an import never becomes one
    session.say(document, lambda: summary(made.stored, made.store, UNASKED))
    return ExitCode.GOOD


@command(app, "verify")
def verify(
    session: Session,
    backup: BackupArgument = None,
    database: DatabaseOption = None,
    key: KeyOption = None,
    *,
    warm: Annotated[
        bool,
        typer.Option("--warm", help="Compare the warm target again; one that differs is dropped."),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Keep the restored copy, closed: `lastgood db swap` takes it."),
    ] = False,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Restore a backup into a side database and compare what came out."""
    from lastgood.app.backups.ordering import named, order_copy, order_kept_proof  # noqa: PLC0415 - when it runs
    from lastgood.app.backups.place import place_of  # noqa: PLC0415 - likewise
    from lastgood.app.backups.standing import warm_targets  # noqa: PLC0415 - likewise
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise

    place = place_of(session.project, database)
    if warm:
        return _verify_warm(session, place, backup, dry_run=dry_run)
    found = named(place, backup, whole=False)
    if dry_run:
        session.would(f"restore {found.backup.id} beside {place.name}", {"id": found.backup.id})
        return ExitCode.GOOD
    prove = order_copy if keep else order_kept_proof
    proven = prove(session.project, place, found, session.tell, key)
    store, stands = place.store.describe(), warm_targets(session.project, place)
    session.say(
        backup_document(proven, store, warm=stands.has(found.backup.id)),
        lambda: summary(proven, store, stands),
    )
    return ExitCode.GOOD if proven.restorable else ExitCode.FAILED


@command(app, "show")
def show(session: Session, backup: BackupArgument = None, database: DatabaseOption = None) -> None:
    """Show a backup: what is in it, for whom, and what its proof said."""
    from lastgood.app.backups.ordering import named  # noqa: PLC0415 - only when it runs
    from lastgood.app.backups.place import place_of  # noqa: PLC0415 - likewise
    from lastgood.app.backups.standing import warm_targets  # noqa: PLC0415 - likewise
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise

    place = place_of(session.project, database)
    found, store = named(place, backup), place.store.describe()
    stands = warm_targets(session.project, place)
    session.say(
        backup_document(found, store, warm=stands.has(found.backup.id)),
        lambda: summary(found, store, stands),
    )


@command(app, "list")
def list_(session: Session, database: DatabaseOption = None) -> None:
    """List the backups of a database, oldest first, and what is damaged or not one."""
    from lastgood.app.backups.place import place_of  # noqa: PLC0415 - only when it runs
    from lastgood.app.backups.standing import warm_targets  # noqa: PLC0415 - likewise
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    place = place_of(session.project, database)
    read, store = place.kept.all(), place.store.describe()
    backups, stands = read.backups, warm_targets(session.project, place)

    def table() -> Group | str:
        if not backups:
            return f"{place.name} has no whole backup yet: lastgood backup create"
        rows = Table(box=None, pad_edge=False, padding=(0, 1))
        for column in ("backup", "of (UTC)", "kind", "size", "rows", "proven", "warm", "pinned"):
            # An id is copied, and a standing is looked for: never cut, however narrow the terminal.
            rows.add_column(column, no_wrap=column in {"backup", "proven"}, overflow="fold")
        for one in backups:
            backup = one.backup
            rows.add_row(
                backup.id, f"{backup.created_at:%Y-%m-%d %H:%M:%S}", backup.kind.value,
                size(backup.bytes), str(backup.fingerprint.rows), standing(one),
                {True: "warm", False: "", None: "?"}[stands.has(backup.id)], Text(one.pinned),
            )  # fmt: skip
        return Group(rows, *wrong(stands))

    def whole() -> Group:
        damaged = (Text(problem.what, "red") for problem in read.problems)
        return Group(table(), *damaged)

    document = {
        "backups": [backup_document(one, store, warm=stands.has(one.backup.id)) for one in backups],
        "problems": plain(read.problems),
        "warm_target_problems": plain(stands.problems),
    }
    session.say(document, whole)


@command(app, "prune")
def prune(
    session: Session, database: DatabaseOption = None, *, dry_run: DryRunOption = False
) -> None:
    """Drop the backups that need not stay; --dry-run explains each."""
    from lastgood.app.backups.place import place_of  # noqa: PLC0415 - only when it runs
    from lastgood.app.backups.pruning import prune_backups  # noqa: PLC0415 - likewise
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    place = place_of(session.project, database)
    pruned = prune_backups(session.project, place, dry_run=dry_run)
    document = {
        "dry_run": dry_run,
        "backups": [
            {"id": one.backup.backup.id, "keep": one.keep, "reason": one.reason}
            for one in pruned.decisions
        ],
        "leftovers": [{"id": one.id, "bytes": one.bytes} for one in pruned.leftovers],
        "problems": plain(pruned.problems),
    }

    def table() -> Table:
        rows = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
        for one in pruned.decisions:
            word = "stays" if one.keep else "would go" if dry_run else "is gone"
            rows.add_row(one.backup.backup.id, word, Text(one.reason))
        for left in pruned.leftovers:
            rows.add_row(left.id, "would go" if dry_run else "is gone", "never finished")
        for problem in pruned.problems:
            rows.add_row("", "stays", Text(problem.what))
        return rows

    session.say(document, table)


@command(app, "pin")
def pin(
    session: Session,
    backup: Annotated[str, typer.Argument(help="Its id.")],
    database: DatabaseOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why it must stay.")] = "",
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Let retention decide again.")] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Keep a backup until it is unpinned."""
    from lastgood.app.backups.place import place_of  # noqa: PLC0415 - only when it runs

    place = place_of(session.project, database)
    found = place.kept.read(backup).backup.id
    act = "unpin" if remove else "pin"
    if dry_run:
        session.would(f"{act} {found}", {"id": found, "pinned": not remove})
        return
    if remove:
        place.kept.unpin(found)
    else:
        place.kept.pin(found, reason)
    session.say({"id": found, "pinned": not remove}, lambda: f"{found}: {act}ned")


@command(app, "export-key")
def export_key(
    session: Session,
    database: DatabaseOption = None,
    new: Annotated[
        Path | None, typer.Option("--new", help="Make a key in this new file, for its owner alone.")
    ] = None,
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Make a key file, or show for whom backups are made and whose key is here."""
    from lastgood.app.backups.keys import keys_here  # noqa: PLC0415 - only when it runs
    from lastgood.backup.keyfile import make_key_file  # noqa: PLC0415 - likewise

    if new is not None:
        if dry_run:
            session.would(f"make a key in {new}", {"file": str(new)})
            return
        made = make_key_file(new)
        session.say(
            {"file": str(new), "recipient": made.recipient},
            lambda: (
                f"{new} is {made.recipient}. Next: add `file:{new}` to `recipients`, and keep "
                "a copy where the servers are not"
            ),
        )
        return
    known = keys_here(session.project, database)

    def table() -> Table:
        rows = Table(box=None, pad_edge=False, padding=(0, 1))
        for column in ("recipient", "public name", "key is here"):
            rows.add_column(column)
        for one in known:
            rows.add_row(one["written"], one["recipient"], "yes" if one["here"] else "no")
        return rows

    session.say({"recipients": known}, table)


@command(app, "rewrap")
def rewrap(
    session: Session,
    database: Annotated[
        str | None, typer.Option("--database", help="Which one; else all that have a store.")
    ] = None,
    key: KeyOption = None,
    *,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Wrap the keys of all backups for the recipients of now: rotation; no body is rewritten."""
    from lastgood.app.backups.rewrapping import Fate, rewrap_backups  # noqa: PLC0415 - when it runs
    from lastgood.report.documents import error_document  # noqa: PLC0415 - likewise

    found = rewrap_backups(session.project, database, key, dry_run=dry_run, tell=session.tell)
    for one in found:
        if one.error is not None:
            session.veil(one.error)
    document = {
        "dry_run": dry_run,
        "backups": [
            {"id": one.backup, "database": one.database, "fate": one.fate.value}
            | (error_document(one.error) if one.error else {"recipients": list(one.recipients)})
            for one in found
        ],
    }
    words = {Fate.REWRAPPED: "would be rewrapped" if dry_run else "rewrapped", Fate.LEFT: "fits"}

    def table() -> Table | str:
        if not found:
            return "there is no backup yet"
        rows = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
        for one in found:
            rows.add_row(one.backup, one.database, words.get(one.fate, Text("failed", "red")))
        return rows

    session.say(document, table)
    for one in found:
        if one.error is not None:
            session.warn(one.error)
    return ExitCode.FAILED if any(one.error for one in found) else ExitCode.GOOD


def _verify_warm(session: Session, place: Place, backup: str | None, *, dry_run: bool) -> ExitCode:
    from lastgood.app.backups.warming import recheck_warm  # noqa: PLC0415 - when it runs
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    if backup is not None:
        raise UsageError(
            "`--warm` compares the copy that stands, whichever backup it was made of",
            cause=f"{backup[:60]!r} is named as well",
            mend="name a backup, or say --warm",
            code="warm-or-named",
        )
    if dry_run:
        session.would(f"compare the warm target of {place.name}", {"database": place.name})
        return ExitCode.GOOD
    stored, problems = recheck_warm(session.project, place)
    store, found = place.store.describe(), stored.backup.id
    document = backup_document(stored, store, warm=not problems)
    session.say(
        {**document, "warm_target_problems": plain(problems)},
        lambda: Group(
            Text(f"the warm target is {'not ' * bool(problems)}what {found} holds", "bold"),
            *(Text(f"  {problem.what}", "red") for problem in problems),
        ),
    )
    return ExitCode.FAILED if problems else ExitCode.GOOD


def summary(stored: StoredBackup, store: str, stands: Stands) -> Group:
    """A backup for people."""
    backup = stored.backup
    lines = [
        Text(f"{backup.id} of {backup.database}: {standing(stored)}", "bold"),
        Text(f"  {size(backup.bytes)} in {store}, {len(backup.keys)} recipients"),
        Text(
            f"  {backup.fingerprint.rows} rows in {len(backup.fingerprint.tables)} tables, "
            f"as of {backup.created_at:%Y-%m-%d %H:%M:%S} UTC, in {backup.seconds:.1f} s"
        ),
    ]
    parts = ", ".join(f"{part.name} {size(part.bytes)}" for part in backup.parts)
    lines.append(Text(f"  parts: {parts}"))
    if backup.schema_revision is not None:
        lines.append(Text(f"  schema revision {backup.schema_revision}"))
    if backup.origin is not None:
        origin = backup.origin
        lines.append(Text(f"  imported from {origin.file}, {origin.format}"))
        lines.append(Text(f"  when it was made is known from {origin.created_at_from}"))
        if origin.left_out:
            lines.append(Text(f"  {origin.left_out} statements left out: roles, settings, rights"))
    if stored.proof is not None:
        lines.append(Text(f"  restored and compared in {stored.proof.seconds:.1f} s"))
        found = (*stored.proof.problems, *stored.proof.unfit)
        lines += [Text(f"  {problem.what}", "red") for problem in found]
    if stored.rehearsal is not None:
        from lastgood.report.backups import rehearsal_text  # noqa: PLC0415 - likewise

        style = "" if stored.rehearsal.reversible else "yellow"
        lines.append(Text(f"  {rehearsal_text(stored.rehearsal)}", style))
    if stands.has(backup.id):
        lines.append(Text("  its restored copy stands beside the database, as the warm target"))
    return Group(*lines, *wrong(stands))


def wrong(stands: Stands) -> list[Text]:
    """What is wrong with the warm target, for people."""
    return [Text(f"{one.what}; {one.mend}", "red") for one in stands.problems]


def standing(stored: StoredBackup) -> str:
    """Whether a restore has shown anything."""
    if stored.proof is None:
        return "not proven yet"
    return "restorable" if stored.restorable else "damaged"


def size(count: int) -> str:
    """Bytes as people read them."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - what a unit is
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
