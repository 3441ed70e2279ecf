"""How much of the machine a server under test may take before it is ended: memory, processes and threads.

RLIMIT_AS would bound what is mapped, of which Go, Java and Node map far more than they use; RLIMIT_NPROC counts all
that the user runs, and nothing for root. So the guard looks (`iomux.processes.guarding.guard`): /proc/loadavg tells in
one line whether any process was started since it looked last, and how many threads the machine has; only then is /proc
read.
Memory is what is resident in /proc/PID/statm, summed; pages that processes share count once (Pss in smaps_rollup),
which is read only when the sum is above the bound. Sources: proc_loadavg(5), proc_pid_statm(5), proc_pid_smaps(5).
"""

import contextlib
import os
import resource
import time
from collections.abc import Iterator

from iomux.system.process_tree import Process, descendants, read_proc

MOST_TASKS = 4_000
"""How many processes and threads a server under test may have at once."""
MOST_BYTES = 2 << 30
"""How much memory it may have resident, all its processes together."""
TOO_MANY, TOO_LARGE = 62, 61
"""The signals by which its guard ends then, of those that nobody uses; see `iomux.processes.errors.cause_of_end`."""
_BURST = 500  # so many threads more on the machine make the guard look at once, else every half second
_SECONDS = 0.5
_SHARE = 50  # looking takes at most one part of so many of its time


def bounds() -> Iterator[int]:
    """For `guarded`: 0 while what is below this process keeps its bounds, else the signal that says which it overran.

    Empty on a machine whose /proc does not show it: then nothing is bounded.
    """
    memory_due = 0.0
    with contextlib.suppress(OSError):  # a machine that hides all this
        for pids, count in _tasks():
            began = time.monotonic()
            if count > MOST_TASKS:
                yield TOO_MANY
            if (
                began > memory_due
                and sum(map(_resident, pids)) > MOST_BYTES
                and sum(map(_own_share, pids)) > MOST_BYTES
            ):
                yield TOO_LARGE
            if began > memory_due:
                memory_due = time.monotonic() + _SHARE * (time.monotonic() - began)
            yield 0


def _tasks() -> Iterator[tuple[list[int], int]]:
    """The processes below this one and how many threads they have, read again only when it may have changed much."""
    found, due, newest, threads = list[Process](), 0.0, -1, 0
    while True:
        running, last = _threads_and_newest()
        began = time.monotonic()
        if last != newest and (running - threads > _BURST or began > due):
            found, newest, threads = descendants(os.getpid()), last, running
            due = began + max(_SECONDS, _SHARE * (time.monotonic() - began))
        yield [process.pid for process in found], sum(process.threads for process in found)


def limit_processes() -> None:
    """In the server's process: let the kernel refuse a fork far above the bound, for a user who is not root.

    The limit holds for all of the user's processes, and the machine has at least as many as the user.
    """
    try:
        most = _threads_and_newest()[0] + 2 * MOST_TASKS
    except OSError:  # a container that hides it
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    if hard == resource.RLIM_INFINITY or hard > most:
        hard = most
    soft = hard if soft == resource.RLIM_INFINITY or soft > hard else soft
    resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))


def _threads_and_newest() -> tuple[int, int]:
    """How many threads the machine has, and the number of the process or thread that was started last."""
    fields = read_proc("loadavg").split()
    return int(fields[3].partition(b"/")[2]), int(fields[4])


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(read_proc(f"{pid}/statm").split()[1]) * resource.getpagesize()
    return 0


def _own_share(pid: int) -> int:
    """Its memory, each page divided by how many share it; all that is resident if that may not be read."""
    with contextlib.suppress(OSError):
        for line in read_proc(f"{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)
