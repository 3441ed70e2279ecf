"""The processes below one, and their end: stopped first, so that none forks while the others are killed.

Linux shows each process's parent, group and state in /proc/PID/stat (proc_pid_stat(5)). A process whose parent ends is
given to the nearest ancestor that is a *subreaper* (PR_SET_CHILD_SUBREAPER, prctl(2)): below that one a daemon's double
fork, setsid and closed descriptors hide nothing. A signal to a process group reaches all of it, and no member can fork
while it is sent (kernel/fork.c, copy_process). Cost: some 20 µs for each process of the machine that is read.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Container, Iterator
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_IN_VAIN = 50  # so often nothing is found below a process that has children: they are hidden, not quick
_SECONDS = 10.0  # for what forks and changes its group faster than it can be found


class Process(NamedTuple):
    """One process, as /proc/PID/stat has it."""

    pid: int
    state: str
    """One letter: "T" is stopped by a signal, "Z" has ended and was not waited for (proc_pid_stat(5))."""
    parent: int
    group: int
    threads: int

    @property
    def is_zombie(self) -> bool:
        """Whether it has ended and was not waited for; its first thread alone may also end before others do."""
        return self.state == "Z" and self.threads <= 1


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def read_proc(name: str) -> bytes:
    """A file of /proc; not by pathlib, whose import would take every server a tenth of its start."""
    with open(f"/proc/{name}", "rb") as file:
        return file.read()


def look_up(pid: int) -> Process | None:
    """What /proc says of a process; None if it is gone, or can't be seen from here."""
    try:
        text = read_proc(f"{pid}/stat").rpartition(b")")[2]  # its name may hold spaces and brackets
    except OSError:
        return None
    fields = text.split()
    return Process(pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[17]))


def exists(pid: int) -> bool:
    """Whether a process is there, even if /proc hides it; one that has ended is, until its parent has waited for it.

    Example:
    >>> import os
    >>> from iomux.system.process_tree import exists
    >>> exists(os.getpid())
    True
    """
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal, as after `os.kill(os.getpid(), signal.SIGSTOP)`.

    Example:
    >>> import os
    >>> from iomux.system.process_tree import is_stopped
    >>> is_stopped(os.getpid())
    False
    """
    found = look_up(pid)
    return found is not None and found.state == "T"


def descendants(root: int) -> list[Process]:
    """The processes that were started by `root`, or by those; without zombies."""
    ours, left, found = {root}, list(_living(())), list[Process]()
    while more := [process for process in left if process.parent in ours]:
        found += more
        ours |= {process.pid for process in more}
        left = [process for process in left if process.pid not in ours]
    return found


def _living(but: Container[int]) -> Iterator[Process]:
    """All processes but some, in most cases the newest first; none on a system without /proc."""
    with contextlib.suppress(FileNotFoundError):
        for number in sorted((int(name) for name in os.listdir("/proc") if name.isdigit()), reverse=True):
            if number not in but and (process := look_up(number)) and not process.is_zombie:
                yield process


def end_below(root: int) -> None:
    """Kill every process below `root`, and wait until none is left; `root` itself lives on.

    If `root` is this process, and a subreaper, it is certain that none is left: it has no children then. A process that
    may not be signalled (it has become another user) is left; so is one that does not end within 10 s.
    """
    until, pause, spared, in_vain = time.monotonic() + _SECONDS, 0.001, set[int](), 0
    while time.monotonic() < until and in_vain < _IN_VAIN:
        frozen = _freeze(root, spared, until)
        for process in frozen:
            _send(process, signal.SIGKILL, root)
        if not frozen and (root != os.getpid() or spared or _has_no_children()):
            return
        if not frozen:
            in_vain += 1
            _chase(root)
            continue
        time.sleep(pause)  # the killed ones need a core to end on
        pause = min(2 * pause, 0.05)


def _freeze(root: int, spared: set[int], until: float) -> list[Process]:
    """Stop all processes below `root`, those included that they fork meanwhile; add to `spared` who can't be."""
    frozen, known = list[Process](), {root, *spared}

    def stop(process: Process) -> None:
        known.add(process.pid)
        if _send(process, signal.SIGSTOP, root):
            frozen.append(process)
        else:
            spared.add(process.pid)

    more = True
    while more and time.monotonic() < until:
        before, others = len(known), list[Process]()
        for process in _living(known):
            if process.parent in known:  # at once: it may not live until the list is complete
                stop(process)
            else:
                others.append(process)
        while late := [process for process in others if process.parent in known and process.pid not in known]:
            for process in late:
                stop(process)
        more = len(known) > before
    return frozen


def _has_no_children() -> bool:
    """Whether this process has none, zombies apart: it waits for those."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _chase(root: int) -> None:
    """Kill a process that has ended, and been followed by its child, before any list is complete."""
    for _ in range(100):
        with contextlib.suppress(OSError):
            newest = int(read_proc("loadavg").split()[4])
            for number in (newest, newest + 1):
                if (process := look_up(number)) and process.parent == root:
                    _send(process, signal.SIGKILL, root)


def _send(process: Process, number: signal.Signals, root: int) -> bool:
    """Signal a process, and its group at once if that can't hold `root`: every member is below it then.

    Returns False if it may not be signalled.
    """
    with contextlib.suppress(OSError):
        if process.group not in (0, os.getpgid(root), os.getpgrp()):
            os.killpg(process.group, number)
    try:  # it may have left the group since it was read
        os.kill(process.pid, number)
    except PermissionError:
        return False
    except ProcessLookupError:
        pass
    return True
