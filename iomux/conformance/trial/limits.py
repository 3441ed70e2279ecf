"""The limits of a server's process as a trial sets them, its Ctrl-C, and whether it still runs: prlimit(2), kill(2)."""

import contextlib
import os
import resource
import signal
import socket
from pathlib import Path

import psutil

from iomux.conformance.trial.ending import in_session
from iomux.conformance.trial.holders import held
from iomux.conformance.trial.patience import eventually
from iomux.conformance.trial.subject import RAISE_THE_LIMIT, Fault, NotSeenHere, Subject, processes, settled
from iomux.system.sock_diag.at_port import sockets_at

_NEARLY = 4  # a server that needs a pair, and has no place for it, closes the one that it has got
_LEFT_BEHIND = (
    "A terminal sends SIGINT to each process of the foreground group, and one that ignores it lives on when its parent "
    "has ended: nobody ends it. Let your workers end of it, or let the first process end them and wait for them: "
    "terminate and join, daemon=True, or kill(2) and wait(2)."
)
"""The hint for a server whose first process ends alone."""
_IGNORED = (
    "Its process ignores SIGINT (SigIgn in /proc/PID/status): by a call of its own, signal(SIGINT, SIG_IGN), or since "
    "it was started so: a shell without job control, in a script, say, starts what ends in & like that."
)
"""The hint for a server that does not hear of it."""


def limit_descriptors(subject: Subject, wanted: int) -> None:
    """Limit the server to `wanted` descriptors (prlimit(2)). Raises NotSeenHere if that is impossible."""
    if not hasattr(resource, "prlimit"):
        raise NotSeenHere("another process's limit can't be set here: only Linux has prlimit(2)")
    for process in processes(subject):
        try:
            hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
            if hard != resource.RLIM_INFINITY and wanted > hard:
                raise NotSeenHere(f"the server may open {hard:,} descriptors at most here: {RAISE_THE_LIMIT}")
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (wanted, hard))
        except PermissionError:
            raise NotSeenHere("the server is another user's: its limits can't be set from here") from None


def allow_descriptors(subject: Subject, wanted: int) -> None:
    """See to it that the server may open `wanted` descriptors more, where that can be seen; else NotSeenHere."""
    if subject.pid is None or not hasattr(resource, "prlimit"):
        return
    for process in processes(subject):
        with contextlib.suppress(PermissionError):
            soft, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            if soft != resource.RLIM_INFINITY and soft < (needed := process.num_fds() + wanted):
                limit_descriptors(subject, needed)


def raise_descriptors(subject: Subject, wanted: int) -> None:
    """Let each of its processes open `wanted` descriptors more, or as many as it may; no limit is ever lowered.

    A server may have several for each client: a pipe, a duplicate, the other connection of a proxy.
    """
    if subject.pid is None or not hasattr(resource, "prlimit"):
        return
    for process in processes(subject):
        with contextlib.suppress(PermissionError):
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            most = (
                process.num_fds() + wanted if hard == resource.RLIM_INFINITY else min(hard, process.num_fds() + wanted)
            )
            if soft != resource.RLIM_INFINITY and soft < most:
                resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, hard))


def at_its_limit(subject: Subject) -> bool:
    """Whether one of its processes has opened as many descriptors as it may, where that can be seen."""
    if subject.pid is None or not hasattr(resource, "prlimit"):
        return False
    for process in processes(subject):
        with contextlib.suppress(PermissionError, psutil.Error):
            soft = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[0]
            if soft != resource.RLIM_INFINITY and process.num_fds() >= soft - _NEARLY:
                return True
    return False


def descriptors_of_first(subject: Subject) -> int:
    """How many descriptors the server's first process has open: usually the one that accepts."""
    return int(processes(subject)[0].num_fds())


def listens(subject: Subject) -> bool:
    """Whether something accepts connections at its address."""
    with contextlib.suppress(OSError), socket.create_connection(subject.address, timeout=1):
        return True
    return False


def ends_by_ctrl_c(subject: Subject, who: str) -> None:
    """Press Ctrl-C, and check that nothing of the server is left. Raises Fault; who: what it is called there.

    What is left is its first process, or a copy of it (fork), or whoever in its session holds a socket of its port;
    another program that it has run, a pager of its log, say, is none of it.
    """
    known, port = processes(subject), subject.address[1]
    session, program = os.getsid(known[0].pid), _program(known[0])
    own = [process for process in known if _program(process) == program]

    def left() -> list[psutil.Process]:
        sockets = {one.inode for one in sockets_at(port) if one.local == port and one.inode}
        holding = [one for one in {*known, *in_session(session)} if any(held(one.pid, inode) for inode in sockets)]
        return [one for one in dict.fromkeys([*own, *holding]) if runs(one)]

    press_ctrl_c(subject)
    if eventually(lambda: not left()):
        return
    if runs(known[0]):
        raise Fault(f"{who} went on after SIGINT", _IGNORED if _ignores_it(known[0]) else "")
    seen = f"{who}'s first process has ended of SIGINT, and others that it had started stay behind"
    raise Fault(seen, _LEFT_BEHIND, left=[one.pid for one in left()])


def _ignores_it(process: psutil.Process) -> bool:
    """Whether SIGINT is among the signals that a process ignores (proc_pid_status(5))."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        ignored = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
        return bool(ignored >> (signal.SIGINT - 1) & 1)
    return False


def _program(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return str(process.exe())
    return ""


def press_ctrl_c(subject: Subject) -> None:
    """Send SIGINT to each of its processes once they rest, as somebody who looks at a terminal does.

    A terminal sends it to the whole of the foreground process group, so to a shell, say, that starts the server.

    A signal that comes between Python's last look for signals and the system call that waits is noticed after that
    call, so perhaps never (signal(7) interrupts a call that sleeps, not one that is about to): a loop's ordinary race,
    which is no answer to whether the server ends.
    """
    settled(subject)
    known = processes(subject)
    group = os.getsid(known[0].pid)
    around = [one for one in in_session(group) if one not in known and os.getpgid(one.pid) == group]
    for process in (*known, *around):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT)


def runs(process: psutil.Process) -> bool:
    """Whether a process still runs: one that has ended and was not waited for does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
