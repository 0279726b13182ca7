"""Every command, where it lives and what it is for; a command's module is imported when it runs."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A command's module (its `app` is taken) and its line in `--help`."""

    module: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("lastgood.cli.init", "Write a commented lastgood.yaml from what is found here."),
    "doctor": Entry("lastgood.cli.doctor", "Show what a rollback needs now, and what is missing."),
    "check": Entry("lastgood.cli.check", "Look at every check now."),
    "status": Entry("lastgood.cli.status", "Show what is live, what is good, what is going on."),
    "decide": Entry(
        "lastgood.cli.decide", "Judge: rollback, hotfix, monitor, or too little known."
    ),
    "plan": Entry("lastgood.cli.plan", "Show what a rollback would do, how long, at what cost."),
    "rollback": Entry("lastgood.cli.rollback", "Go back to the last known good release."),
    "undo": Entry("lastgood.cli.undo", "Put back what the last rollback replaced."),
    "resume": Entry("lastgood.cli.resume", "Let an interrupted run go on."),
    "cancel": Entry("lastgood.cli.cancel", "Stop a run at a safe place."),
    "unlock": Entry("lastgood.cli.unlock", "Free an environment that a dead run still holds."),
    "watch": Entry("lastgood.cli.watch", "Follow a run, or the checks and the verdict."),
    "releases": Entry("lastgood.cli.releases", "List, mark and import releases."),
    "deployment": Entry("lastgood.cli.deployment", "Record and list deployments."),
    "gate": Entry("lastgood.cli.gate", "Say whether a commit may be deployed."),
    "hold": Entry("lastgood.cli.hold", "Set, release and show holds."),
    "incident": Entry("lastgood.cli.incident", "Open, show, list, note and resolve incidents."),
    "backup": Entry(
        "lastgood.cli.backup", "Make, prove, list, keep and drop backups of a database."
    ),
    "db": Entry("lastgood.cli.db", "Bring a database back: preview, swap, undo, salvage."),
    "report": Entry("lastgood.cli.report", "Write the report of a run."),
    "worker": Entry("lastgood.cli.worker", "Keep watches and runs going, across reboots."),
    "version": Entry("lastgood.cli.version", "Show the version."),
}

PLANNED: dict[str, str] = {
    "drill": "drills",
    "ready": "the readiness that drills measure",
    "oncall": "messages and contacts",
    "notify": "messages and contacts",
    "runbook": "the runbook as a document",
    "serve": "the web page",
    "maintenance": "the maintenance page",
    "incident check": "the checklists of an incident",
}
"""What is promised and not built yet, with the work that it comes with: nobody shall look for a
typing error at 3 a.m.
"""

ENTRY_POINTS = "lastgood.commands"
"""The entry point group in which a package above the command line names commands of its own."""
