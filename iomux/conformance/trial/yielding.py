"""Let a server run on our core, and only while we sleep: as good as this can be had without privileges.

Both share one core. The server's threads get the policy SCHED_IDLE, which yields to every other thread of its group at
once (sched(7)). A server has a session of its own, and with autogroups the kernel weighs sessions, not threads: so its
session gets nice 19 too (/proc/PID/autogroup), and this thread a short time slice, to preempt what runs when it
wakes (sched_setattr(2), sched_runtime; Linux 6.12, kernel/sched/fair.c, PREEMPT_SHORT). None of it is certain on
every kernel, so the caller has to see for itself whether the server was ever ahead.
"""

import contextlib
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from iomux.conformance.trial.subject import Fault, NotSeen, NotSeenHere, Subject, processes

_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The number of the system call sched_setattr (arch/x86/entry/syscalls/syscall_64.tbl, scripts/syscall.tbl)."""
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # struct sched_attr: size, policy, flags, nice, priority, runtime, ...
_SLICE_NANOSECONDS = 100_000


@contextlib.contextmanager
def only_while_we_sleep(subject: Subject, turn: int = 0) -> Iterator[None]:
    """Bind the server's threads and this one to one core, and let the server yield. NotSeenHere if it can't be.

    turn: whoever tries again gives another number, and gets another core, which may be less crowded.
    """
    if sys.platform != "linux":
        raise NotSeenHere("priorities of another process can't be set here: only Linux has SCHED_IDLE")
    ours = os.sched_getaffinity(0)
    core = {sorted(ours)[(os.getpid() + turn) % len(ours)]}
    try:
        os.sched_setaffinity(0, core)
        _set_slice(_SLICE_NANOSECONDS)
        for thread in _threads(subject):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, core)
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        _set_group(subject, 19)
        yield
    except PermissionError as error:
        raise NotSeenHere(f"the server's priority can't be set here: {error.strerror}") from None
    finally:
        _undo(subject, ours)


def _undo(subject: Subject, ours: set[int]) -> None:
    """Restore what may be restored: without privileges a priority can only be lowered."""
    with contextlib.suppress(Fault, NotSeen):
        for thread in _threads(subject):
            with contextlib.suppress(OSError):
                os.sched_setaffinity(thread, ours)
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
        _set_group(subject, 0)
    _set_slice(0)
    os.sched_setaffinity(0, ours)


def _threads(subject: Subject) -> list[int]:
    found = []
    for process in processes(subject):
        with contextlib.suppress(psutil.Error):
            found += [thread.id for thread in process.threads()]
    return found


def _set_group(subject: Subject, nice: int) -> None:
    for process in processes(subject):
        if os.getsid(process.pid) != os.getsid(0):
            with contextlib.suppress(OSError):  # no autogroups here, or not permitted
                Path(f"/proc/{process.pid}/autogroup").write_text(str(nice))


def _set_slice(nanoseconds: int) -> None:
    """This thread's time slice; 0 for the kernel's own. Older kernels ignore it."""
    if number := _SETATTR.get(platform.machine()):
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, nanoseconds, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)
