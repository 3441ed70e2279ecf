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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_SECONDS = 10.0  # for what forks and changes its group faster than it can be found


class Process(NamedTuple):
    """One process, as /proc/PID/stat has it."""

    pid: int
    state: str
    """One letter: "T" is stopped by a signal, "Z" has ended and was not waited for (proc_pid_stat(5))."""
    parent: int
    group: int
    threads: int


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def look_up(pid: int) -> Process | None:
    """What /proc says of a process; None if it is gone, or can't be seen from here."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2]  # its name may hold spaces and brackets
    except OSError:
        return None
    fields = text.split()
    return Process(pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[17]))


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


def below(root: int, known: frozenset[int] = frozenset()) -> list[Process]:
    """The processes that were started by `root`, or by those; without zombies, and without those `known` already."""
    read = (look_up(pid) for pid in _numbers() if pid not in known)
    table = [process for process in read if process is not None]
    ours, left = {root, *known}, table
    while more := [process for process in left if process.parent in ours]:
        ours |= {process.pid for process in more}
        left = [process for process in left if process.pid not in ours]
    return [process for process in table if process.pid in ours and process.pid != root and process.state != "Z"]


def _numbers() -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError):  # a system without /proc
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                yield int(entry)


def end_below(root: int) -> None:
    """Kill every process below `root`, and wait until none is left; `root` itself lives on.

    A process that may not be signalled (it has become another user) is left; so is one that the kernel does not let
    end within 10 s.
    """
    until, pause, spared = time.monotonic() + _SECONDS, 0.001, set[int]()
    while time.monotonic() < until and (frozen := _freeze(root, spared, until)):
        for process in frozen:
            _send(process, signal.SIGKILL, root)
        time.sleep(pause)  # the killed ones need a core to end on
        pause = min(2 * pause, 0.05)


def _freeze(root: int, spared: set[int], until: float) -> list[Process]:
    """Stop all processes below `root`, those included that they fork meanwhile; add to `spared` who can't be."""
    frozen = list[Process]()
    known = set(spared)
    while (found := below(root, frozenset(known))) and time.monotonic() < until:
        for process in found:
            if _send(process, signal.SIGSTOP, root):
                frozen.append(process)
            else:
                spared.add(process.pid)
        known |= {process.pid for process in found}
    return frozen


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
