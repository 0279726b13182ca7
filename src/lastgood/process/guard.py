"""Run one child so that it, and everything it starts, dies when its runner is gone.

A script of its own, standard library only, started as `python -I -S guard.py CONTROL LOCK RECORD
GRACE ARGV...`:

CONTROL  a socket to the runner. Its end of file means that the runner is dead; any byte means
         "cancel". One line goes back: how it ended.
LOCK     a descriptor with a flock. Only the guard holds it, so the kernel frees it when the guard
         is gone, and whoever gets it knows that.
RECORD   the path of the locked file. When it vanishes, the work was taken over by someone else: a
         stopped runner (SIGSTOP) cannot say so, and stopping a parent does not stop its children.
         The guard removes it itself at the end, when nothing is left to look for.
GRACE    seconds between SIGTERM and SIGKILL.

On Linux the guard is the subreaper of all its descendants, so neither setsid nor a double fork
hides one. Elsewhere only the child's process group is reached. When the child ends by itself, the
daemons that it left are left alone: a start script is meant to leave one.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import sys
import time

LINUX = sys.platform == "linux"
POLL_SECONDS = 0.2
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Guard:
    """One child, its descendants, and the reasons to end them."""

    def __init__(self, control: int, record: str, grace: float) -> None:
        self.control = control
        self.record = record
        self.grace = grace
        self.child = 0
        self.status: int | None = None
        self.signalled = False
        self.woken, self.waker = os.pipe()
        self.libc = ctypes.CDLL(None, use_errno=True)

    def run(self, argv: list[str]) -> str:
        """Run the child to its end or ours; says how it ended."""
        self._listen()
        if LINUX:
            self._prctl(PR_SET_CHILD_SUBREAPER, 1)
        if word := self._reason_to_end() or self._start(argv):
            return word
        reason = self._watch()
        if reason or os.WIFSIGNALED(self.status or 0):
            self._end_all()
        return reason or self._how_it_ended()

    def _listen(self) -> None:
        """Let every signal wake the loop."""
        for descriptor in (self.woken, self.waker):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in ENDING_SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self.signalled = True

    def _prctl(self, option: int, value: int) -> None:
        if self.libc.prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0))):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def _start(self, argv: list[str]) -> str:
        """Fork and execute; the other end of a pipe says why when that failed."""
        guard = os.getpid()
        failed, fail = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            self._become(argv, guard, fail)
        os.close(fail)
        answer = b""
        while part := os.read(failed, 64):
            answer += part
        os.close(failed)
        self._let_go_of_output()
        if answer:
            os.waitpid(self.child, 0)
            return f"refused {answer.decode()}"
        return ""

    def _become(self, argv: list[str], guard: int, fail: int) -> None:
        """In the fork: turn into the child, or say why not."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, *ENDING_SIGNALS):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            if LINUX:
                self._prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                # The guard may have died before the line above: then no signal ever comes.
                if os.getppid() != guard:
                    os._exit(127)
            os.execvp(argv[0], argv)  # noqa: S606 - no shell is what we want
        except OSError as error:
            os.write(fail, str(error.errno).encode())
        finally:
            os._exit(127)

    def _let_go_of_output(self) -> None:
        """Give up our copies of the child's pipes, or their ends would come too late."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)

    def _watch(self) -> str:
        """Wait for the child's end, or for a reason to end it."""
        while True:
            select.select([self.control, self.woken], [], [], POLL_SECONDS)
            self._forget_wakes()
            self._reap()
            if self.status is not None:
                return ""
            if reason := self._reason_to_end():
                return reason

    def _forget_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.woken, 512):
                pass

    def _reap(self) -> bool:
        """Collect the dead, our child and the orphans that came to us; whether any other lives."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return True
                if pid == self.child:
                    self.status = status
        except ChildProcessError:
            return False

    def _reason_to_end(self) -> str:
        if self.signalled:
            return "signalled"
        if select.select([self.control], [], [], 0)[0]:
            try:
                return "cancelled" if os.read(self.control, 64) else "orphaned"
            except ConnectionError:
                return "orphaned"
        try:
            os.stat(self.record)  # noqa: PTH116 - pathlib starts slowly
        except FileNotFoundError:
            return "revoked"
        except OSError:
            # The state directory is out of reach for now; that is no word from anyone.
            return ""
        return ""

    def _how_it_ended(self) -> str:
        return f"ended {os.waitstatus_to_exitcode(self.status or 0)}"

    def _end_all(self) -> None:
        """Ask, wait for the grace, kill; return only when nothing of ours is alive."""
        asked: set[tuple[int, str]] = set()
        kill_at = time.monotonic() + self.grace
        while self._any_alive():
            alive = descendants(os.getpid()) if LINUX else {(self.child, "")}
            if time.monotonic() < kill_at:
                for process in alive - asked:
                    self._send(process, signal.SIGTERM)
                asked |= alive
                time.sleep(0.01)
            else:
                # Without a pause at first: what forks as fast as it dies must lose the race.
                for process in alive:
                    self._send(process, signal.SIGKILL)
                time.sleep(0 if time.monotonic() < kill_at + 1 else 0.05)

    def _any_alive(self) -> bool:
        """Ask the kernel, not /proc: when a subreaper has no child, it has no descendant."""
        waited_for = self._reap()
        if LINUX or waited_for:
            return waited_for
        try:
            os.killpg(self.child, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _send(self, process: tuple[int, str], number: int) -> None:
        if LINUX:
            signal_exactly(process, number)
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process[0], number)


def signal_exactly(process: tuple[int, str], number: int) -> None:
    """Signal the process that was seen, never one that got its number since."""
    pid, started = process
    with contextlib.suppress(ProcessLookupError, PermissionError):
        handle = handle_of(pid)
        try:
            if not ((seen := stat(str(pid))) and seen[1] == started):
                return
            if handle < 0:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        finally:
            if handle >= 0:
                os.close(handle)


def handle_of(pid: int) -> int:
    """A descriptor that means this process and no later one; -1 where there are none.

    Raises:
        ProcessLookupError: there is no such process.
    """
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):
        # A kernel before 5.3, a Python built for one, or a sandbox that forbids the call.
        return -1


def stat(pid: str) -> tuple[int, str] | None:
    """A process's parent and start time in ticks; nothing when it is dead or a zombie.

    Nothing either for one that is hidden from us (/proc with `hidepid`): it is another user's.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib starts slowly
            # The name, in brackets, may hold anything, also brackets.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    state, parent, threads, started = fields[0], fields[1], fields[17], fields[19]
    # The first thread may have ended while others work on: that is no zombie.
    if state in b"ZX" and int(threads) <= 1:
        return None
    return int(parent), started.decode()


def descendants(root: int) -> set[tuple[int, str]]:
    """Every living process below this one, with its start time."""
    children: dict[int, list[tuple[int, str]]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - pathlib starts slowly
        if entry.isdigit() and (seen := stat(entry)):
            children.setdefault(seen[0], []).append((int(entry), seen[1]))
    found: set[tuple[int, str]] = set()
    below = [root]
    while below:
        for process in children.get(below.pop(), []):
            if process not in found:
                found.add(process)
                below.append(process[0])
    return found


def main() -> int:
    """Read the arguments, guard, report; exits as the child did, or 128 and the signal."""
    control, lock, record, grace, *argv = sys.argv[1:]
    for descriptor in (int(control), int(lock)):
        fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    ended = Guard(int(control), record, float(grace)).run(argv)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(record)  # noqa: PTH108 - pathlib starts slowly
    with contextlib.suppress(ConnectionError):
        os.write(int(control), ended.encode())
    word, _, number = ended.partition(" ")
    if word != "ended":
        return 125
    return int(number) if int(number) >= 0 else 128 - int(number)


if __name__ == "__main__":
    sys.exit(main())
