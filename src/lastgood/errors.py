"""Every error that a user can meet, with its cause, its mend and its exit code.

LastgoodError                 failed                                     1
├── UsageError                the command line makes no sense            2
├── ConfigError               lastgood.yaml has faults                   2
├── NotAllowedError           a wrong or missing --confirm               4
├── RefusedError              a precondition does not hold; nothing done 5
├── InterruptedByPersonError  Ctrl-C; what was started goes on           130
├── StepError                 a step of a run failed                     1
│   └── StaleLeaseError       the lock was taken over: nothing more runs 1
├── ChildError                a child process failed, hung or was killed 1
├── RemoteError               another machine failed or did not answer   1
└── StateError                the state cannot be read or written        1

Unhealthy (3), over the budget (6) and too little evidence (7) are answers, not errors.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller; part of the contract."""

    GOOD = 0
    FAILED = 1
    USAGE = 2
    UNHEALTHY = 3
    NOT_ALLOWED = 4
    REFUSED = 5
    OVER_BUDGET = 6
    INSUFFICIENT_EVIDENCE = 7
    INTERRUPTED = 130


class LastgoodError(Exception):
    """What went wrong, why, and what mends it.

    Attributes:
        message: what happened, one sentence without a final stop.
        cause: why it happened; the other side's own words where there are any.
        mend: what the user does next, as a command where one exists.
        code: a stable kebab-case name for programs.
        retryable: whether the same act may succeed when tried again unchanged.
        exit_code: what the process exits with when this ends it.
    """

    code = "failed"
    retryable = False
    exit_code = ExitCode.FAILED

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        mend: str = "",
        code: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.mend = mend
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        parts = [self.message]
        if self.cause:
            parts.append(f"why: {self.cause}")
        if self.mend:
            parts.append(f"mend: {self.mend}")
        return "; ".join(parts)


class UsageError(LastgoodError):
    """The command line asks for something that makes no sense."""

    code = "usage"
    exit_code = ExitCode.USAGE


class ConfigError(LastgoodError):
    """The configuration is absent, unreadable or has faults."""

    code = "config"
    exit_code = ExitCode.USAGE


class NotAllowedError(LastgoodError):
    """The caller may not do this, or did not confirm it."""

    code = "not-allowed"
    exit_code = ExitCode.NOT_ALLOWED


class RefusedError(LastgoodError):
    """A precondition does not hold; nothing was changed."""

    code = "refused"
    exit_code = ExitCode.REFUSED


class InterruptedByPersonError(LastgoodError):
    """A person stopped this command; what it had started goes on, or can be resumed."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


class StepError(LastgoodError):
    """A step of a run did not reach its desired state."""

    code = "step-failed"


class StaleLeaseError(StepError):
    """The environment's lock has a newer epoch than the one this run holds."""

    code = "stale-lease"


class ChildError(LastgoodError):
    """A child process failed, hung past its limit or was killed."""

    code = "child-failed"


class RemoteError(LastgoodError):
    """Another machine failed, refused or did not answer."""

    code = "remote"


class StateError(LastgoodError):
    """lastgood's own state cannot be read or written."""

    code = "state"
