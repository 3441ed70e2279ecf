"""The server under test as an item sees it: where it listens, and what its processes use.

A server that forks has several processes; what they use is summed. Of a server that somebody else runs there is
only an address: then these functions raise `NotSeen`, and the report says so instead of guessing.
"""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from iomux.system.machine import cpu_time
from iomux.system.sockets import Address

PATIENCE = 5.0
"""Seconds without any progress after which a server is said not to answer."""
_WINDOW_SECONDS = 0.3
_WINDOWS = 3
_BUSY = 0.2
"""Share of a core from which on a server is at work: asleep it uses none, spinning all that it can get."""


class Fault(Exception):
    """An item has failed: what was seen, in words that are the same each time, and figures that are not."""

    def __init__(self, seen: str, **detail: object) -> None:
        super().__init__(seen)
        self.seen, self.detail = seen, detail


class NotStarted(Fault):
    """No item can be tried: the server ended before it accepted anybody, or never listened."""


class NotSeen(Exception):
    """An item can't be tried on this server, or on this machine, and why."""


@dataclass(frozen=True)
class Subject:
    """A running server: its address, and the number of its first process where that is known."""

    address: Address
    pid: int | None = None


def processes(subject: Subject) -> list[psutil.Process]:
    """The server's processes, its first one first. Raises NotSeen where they are not ours, Fault if it is gone."""
    if subject.pid is None:
        raise NotSeen("its process is not known: start it from here, by name, function, file or command line")
    try:
        first = psutil.Process(subject.pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess as error:
        raise Fault("the server's process is gone") from error


def at_work_seconds(subject: Subject) -> float:
    """Seconds of processor time that the server has used so far, or, on a busy machine, has stood in the queue for."""
    total = 0.0
    for process in processes(subject):
        with contextlib.suppress(ProcessLookupError):  # one of a server's children may have ended meanwhile
            total += cpu_time(process.pid).total + _queued_seconds(process.pid)
    return total


def _queued_seconds(pid: int) -> float:
    """Seconds in which its threads could have run and no core was free (Documentation/scheduler/sched-stats.rst)."""
    total = 0
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):  # none where the kernel does not count it
        with contextlib.suppress(OSError):
            total += int(stat.read_text().split()[1])
    return total / 1e9


def work_share(subject: Subject) -> float:
    """The share of a core that it uses now, or would if it were free.

    The least of up to three short windows, so late work does not count.
    """
    least = 1.0
    for _ in range(_WINDOWS):
        before, began = at_work_seconds(subject), time.monotonic()
        time.sleep(_WINDOW_SECONDS)
        least = min(least, (at_work_seconds(subject) - before) / (time.monotonic() - began))
        if least < _BUSY / 2:
            break
    return least


def busy(subject: Subject) -> bool:
    """Whether it is at work though it has nothing to do."""
    return work_share(subject) > _BUSY


def asleep_at_first(subject: Subject) -> None:
    """Raise NotSeen if it never sleeps, whatever happens: what makes it spin can then not be told."""
    if busy(subject):
        raise NotSeen("the server never sleeps, also when nothing has happened: see the item silent")


def descriptors(subject: Subject) -> int:
    """How many descriptors its processes have open."""
    return _sum(subject, lambda process: process.num_fds())


def rss_bytes(subject: Subject) -> int:
    """How much memory its processes have resident, in bytes."""
    return _sum(subject, lambda process: process.memory_info().rss)


def _sum(subject: Subject, of: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in processes(subject):
        with contextlib.suppress(psutil.Error):  # a child that ended meanwhile
            total += of(process)
    return total


def tell(subject: Subject, number: signal.Signals) -> None:
    """Send a signal to each of its processes."""
    for process in processes(subject):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@contextlib.contextmanager
def stopped(subject: Subject) -> Iterator[None]:
    """Hold its processes still (SIGSTOP, signal(7)), for what is to be waiting when they go on."""
    tell(subject, signal.SIGSTOP)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and any(_runs_on(process) for process in processes(subject)):
        time.sleep(0.001)  # the signal is on its way
    try:
        yield
    finally:
        tell(subject, signal.SIGCONT)


def _runs_on(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
    return False
