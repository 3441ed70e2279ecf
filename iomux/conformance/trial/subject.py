"""The server under test as an item sees it: its address, and what its processes use.

A server that forks has several processes; what they use is summed. A server that was not started here is known by its
address only: then these functions raise `NotSeen`, and the report says so instead of guessing.
"""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import psutil

from iomux.conformance.trial import rest
from iomux.conformance.trial.ending import in_session, lives_on
from iomux.system.network.place import Hosts
from iomux.system.process_tree import exists
from iomux.system.sockets import Address

PATIENCE = 5.0
"""Seconds without any progress after which a server counts as not answering."""


class Fault(Exception):
    """An item has failed: what was seen, in words that are the same in each run, and figures that are not.

    hint: the cause, if what was seen tells more of it than the item's own hint does. Whether the server lives on is
    looked up here, while the clients are still there: it may end as they hang up, and that is another item's fault.
    """

    def __init__(self, seen: str, hint: str = "", **detail: object) -> None:
        super().__init__(seen)
        self.seen, self.hint, self.detail = seen, hint, detail
        self.server_lived_on = any(subject.pid is not None and lives_on(subject.pid) for subject in UNDER_TRIAL)


class NotStarted(Fault):
    """No item can be tried: the server ended before it accepted a client, or never listened."""


class NotSeen(Exception):
    """An item can't be tried on this server; the message says why.

    see: the item whose fault this should be. If that one passes, the fault is this item's own: see `warm_up`.
    """

    def __init__(self, why: str, see: str = "") -> None:
        super().__init__(why)
        self.see = see


class NotSeenHere(NotSeen):
    """An item can't be tried on this machine, or not now: it could on another one; the message says why."""


SHORT_HERE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})
"""Errors of a client's call that tell what this machine, or the process of the clients, is short of."""
RAISE_THE_LIMIT = "raise the limit (ulimit -n, limits.conf(5); docker run --ulimit nofile=65536)"
HIDDEN = (
    "the server's process can't be looked into from here: /proc is not there, or hides it (hidepid), or it runs as "
    "another user; run check as the user of the server, or as root"
)


@dataclass(frozen=True)
class Subject:
    """A running server: its address, and the PID of its first process if that is known."""

    address: Address
    pid: int | None = None
    hosts: Hosts | None = None
    """The hosts of its network, its own first, if it does not run on this machine's."""


UNDER_TRIAL: list["Subject"] = []  # those whose items this process tries now
PASSED: set[str] = set()  # items that one has passed, while another is tried once more that was not seen by their fault
HELD: dict["Subject", bool] = {}  # those that were stopped in this trial, and whether they still are


@contextlib.contextmanager
def under_trial(subject: Subject, passed: Iterable[str] = ()) -> Iterator[None]:
    """Name the server whose item this process tries; each `Fault` then knows whether it lived on.

    passed: the items that it has passed, if this one is tried once more because it was to be one of their faults.
    """
    UNDER_TRIAL.append(subject)
    PASSED.update(passed)
    try:
        yield
    finally:
        UNDER_TRIAL.remove(subject)
        PASSED.clear()
        HELD.clear()


def processes(subject: Subject) -> list[psutil.Process]:
    """Its processes, the first one first, orphans too. Raises NotSeen if they are not known, Fault if it is gone."""
    if subject.pid is None:
        raise NotSeen("the server's process is not known: let check start it, by name, function, file or command line")
    try:
        first = psutil.Process(subject.pid)
        return list(dict.fromkeys((first, *first.children(recursive=True), *in_session(os.getsid(first.pid)))))
    except (psutil.NoSuchProcess, ProcessLookupError) as error:
        if exists(subject.pid):
            raise NotSeenHere(HIDDEN) from error
        raise Fault("the server's process is gone") from error


def busy(subject: Subject) -> bool:
    """Whether the server uses processor time although no byte moves. Raises NotSeen if that can't be told."""
    return _at_rest(subject, lambda use: not use.spins and not use.undecided).spins


def use_at_rest(subject: Subject) -> rest.Use:
    """What the server does although no byte moves, seen long enough to count its wake-ups. Raises NotSeen as `busy`."""
    return _at_rest(subject, rest.nearly_asleep)


def _at_rest(subject: Subject, enough: Callable[[rest.Use], bool]) -> rest.Use:
    use = rest.at_rest(subject.address[1], lambda: pids(subject), enough)
    if use is None:
        raise NotSeen("the server was still moving its clients' bytes when it was to be seen at rest")
    if use.undecided:
        raise NotSeenHere("this machine was too busy to tell whether the server sleeps: it got no core at all")
    return use


def pids(subject: Subject) -> list[int]:
    """The numbers of the server's processes."""
    return [process.pid for process in processes(subject)]


def settled(subject: Subject) -> bool:
    """Wait until no byte of the server's clients moves; False if they were still moving after many seconds."""
    return rest.settle(subject.address[1], lambda: pids(subject) if subject.pid is not None else [])


def skip_if_never_asleep(subject: Subject) -> None:
    """Raise NotSeen if it spins before anything has happened: then it is impossible to tell what makes it spin."""
    if busy(subject):
        raise NotSeen("the server never sleeps, even when nothing has happened: see the item silent")


def descriptors(subject: Subject) -> int:
    """How many descriptors its processes have open."""
    return _sum(subject, lambda process: process.num_fds())


def rss_bytes(subject: Subject) -> int:
    """How much memory its processes have resident, in bytes."""
    return _sum(subject, lambda process: process.memory_info().rss)


def _sum(subject: Subject, usage: Callable[[psutil.Process], int]) -> int:
    total = 0
    for process in processes(subject):
        with contextlib.suppress(psutil.Error):  # a child that ended meanwhile
            total += usage(process)
    return total


def send_signal(subject: Subject, number: signal.Signals) -> None:
    """Send a signal to each of its processes."""
    for process in processes(subject):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


@contextlib.contextmanager
def stopped(subject: Subject) -> Iterator[None]:
    """Stop its processes (SIGSTOP, signal(7)) while the caller prepares what they find when they continue.

    First it may accept whoever still waits: on a busy machine those would take the few places of a small backlog.
    """
    rest.accepted(subject.address[1], PATIENCE)
    send_signal(subject, signal.SIGSTOP)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and any(_still_runs(process) for process in processes(subject)):
        time.sleep(0.001)  # the signal has not been delivered yet
    HELD[subject] = True
    try:
        yield
    finally:
        HELD[subject] = False
        send_signal(subject, signal.SIGCONT)


def is_held(subject: Subject) -> bool:
    """Whether it is stopped at this moment by `stopped`, so that it can't accept anyone."""
    return HELD.get(subject, False)


def _still_runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
    return False
