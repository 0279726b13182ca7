"""Whether this tool and this configuration may carry out what was approved under others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood import __version__
from lastgood.config import config_hash
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.model.run import Run

KINDS = frozenset(
    {
        "precheck",
        "hold",
        "unhold",
        "restore",
        "stop",
        "swap",
        "downgrade",
        "deploy",
        "start",
        "prove",
        "verify",
    }
)
"""The kinds of steps that this version can bring about."""


def refuse_changed(project: Project, run: Run) -> None:
    """Make sure that what runs is what was approved.

    Raises:
        RefusedError: another version of lastgood made the plan (`unknown-step`, `other-version`),
            or the configuration is another one (`config-changed`).
    """
    new_plan = f"or plan anew: lastgood rollback --take-over {run.id}"
    unknown = {step.kind for step in run.plan.steps} - KINDS
    if unknown:
        raise RefusedError(
            f"this version of lastgood knows no step of the kind {', '.join(sorted(unknown))}",
            cause=f"the plan was made by version {run.tool_version}, this is {__version__}",
            mend=f"resume with version {run.tool_version}, {new_plan}",
            code="unknown-step",
        )
    if run.tool_version != __version__:
        raise RefusedError(
            f"{run.id} was planned by another version of lastgood",
            cause=f"that was {run.tool_version}, this is {__version__}",
            mend=f"resume with version {run.tool_version}, {new_plan}",
            code="other-version",
        )
    if run.plan.config_hash != config_hash(project.settings):
        raise RefusedError(
            "the configuration was changed after the plan was approved",
            cause=f"{project.settings.file} is not what {run.id} was planned from",
            mend=f"put it back and resume, {new_plan}",
            code="config-changed",
        )
