"""How long a server may take to go on: longer while the machine has no core for it.

A right server on a crowded machine is slow, and that is not its fault. The kernel tells both: how crowded the machine
is (pressure stall information), and whether a process is ready to run. While tasks wait for a core for much of the
time, and the server is one of those that would run, a wait that is over begins again, a few times. A server that
sleeps has nothing to do: it is waited for no longer than on a quiet machine. Nor is it its fault if the kernel still
has to send what it has written, or what it has been asked, or to send it again. And a heap that is collected late has
to be given more to hold before it is said to keep all.
"""

import math
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from iomux.conformance.trial.rest import any_runs
from iomux.conformance.trial.subject import PATIENCE, UNDER_TRIAL, Fault, NotSeen, Subject, pids, processes, rss_bytes
from iomux.system.disturbance.pressure import lately
from iomux.system.sock_diag.other_end import UNACKED, other_end

_CROWDED_SHARE, _MORE_WAITS = 0.4, 3
_LOOKS, _LOOK_SECONDS = 5, 0.01
_PRINTING_SECONDS, _PRINTED_BYTES = 0.5, 10_000
_SAID_MIB, _SAID_TO_A_HEAP_MIB = (16, 32, 48, 64, 96, 128, 192, 256, 384), (512, 768, 1024)
_SURE_BYTES = 384 << 20  # V8 and Go, which have several threads, hold some 100 MiB at times
_LEAST_SHARE, _ALL_SHARE = 0.75, 0.9
_COLLECTED_LATE = {"libjvm.so": "a Java machine", "libcoreclr.so": ".NET", "libmonosgen": "Mono"}
"""By a library that it has mapped: in which heaps a young generation fills for a minute before it is collected."""
_TOLD_WHEN, _IS_GO = {"GOGC", "GOMEMLIMIT"}, b"\xff Go buildinf:"
"""Settings of when Go collects, which does so early without any (pkg.go.dev/runtime), and what its programs contain."""

T = TypeVar("T")


def crowded() -> bool:
    """Whether tasks of this machine have had to wait for a core for much of the last seconds."""
    return lately() >= _CROWDED_SHARE


def stretched(seconds: float) -> float:
    """How long something may take that should take so many seconds: longer on a crowded machine."""
    return (1 + _MORE_WAITS) * seconds if crowded() else seconds


def kept_from_working() -> bool:
    """Whether a server under trial runs, or would run, on a machine where tasks have to wait for a core."""
    if not crowded():
        return False
    with suppress(Fault, NotSeen):  # its processes are hidden, or gone
        return any(at_work(subject) for subject in UNDER_TRIAL)
    return False


def at_work(subject: Subject) -> bool:
    """Whether a thread of the server runs or waits for a core; False if its processes are not known."""
    for _ in range(_LOOKS if subject.pid is not None else 0):
        if any_runs(pids(subject)):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def busy_printing(subject: Subject) -> bool:
    """Whether it prints all the time on a crowded machine: it may have to say so much that it comes to no end of it.

    Written is what wchar of /proc/PID/io counts: write(2) to a file or a pipe, and no send(2) (proc_pid_io(5)).
    """
    if not crowded():
        return False
    before = _written(subject)
    time.sleep(_PRINTING_SECONDS)
    return _written(subject) > before + _PRINTED_BYTES


def _written(subject: Subject) -> int:
    total = 0
    for pid in pids(subject):
        with suppress(OSError, StopIteration):  # another user's, or gone
            lines = Path(f"/proc/{pid}/io").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("wchar"))
    return total


def ready(
    to_read: Iterable[socket.socket], to_write: Iterable[socket.socket] = (), seconds: float | None = 0.0
) -> tuple[list[socket.socket], list[socket.socket]]:
    """The clients that can be read, and those that can be written, as soon as there is one, or after so many seconds.

    By poll(2), for a thousand clients have numbers that select(2) has no bit for. None: wait without a limit.
    """
    reading, writing, poller = dict.fromkeys(to_read), dict.fromkeys(to_write), select.poll()  # their order is kept
    clients = {client.fileno(): client for client in reading | writing}
    for fd, client in clients.items():
        poller.register(fd, select.POLLIN * (client in reading) | select.POLLOUT * (client in writing))
    found = [(clients[fd], what) for fd, what in poller.poll(None if seconds is None else math.ceil(1000 * seconds))]
    return (
        [client for client, what in found if client in reading and what & ~select.POLLOUT],
        [client for client, what in found if client in writing and what & ~select.POLLIN],
    )


def out_of_patience(since: float, clients: Iterable[socket.socket] = ()) -> bool:
    """Whether nothing has moved for too long; since: when something did, by time.monotonic(). clients: who reads."""
    waited = time.monotonic() - since
    if waited <= PATIENCE or waited > (1 + _MORE_WAITS) * PATIENCE:
        return waited > PATIENCE
    return not (any(map(on_its_way, clients)) or kept_from_working())


def on_its_way(client: socket.socket) -> bool:
    """Whether the kernel has bytes of the server for a client, or of the client for the server, that did not arrive.

    Where a segment of them found no place, it is sent again after times that double (RFC 6298, section 5.5). What
    arrived is acknowledged whether the server reads or not, unless it has not accepted the client yet.
    """
    with suppress(OSError):  # the kernel can't be asked
        end = other_end(client)
        return end is not None and (end.unsent > 0 or end.unacked > 0 or _unacked(client) > 0)
    return False


def _unacked(client: socket.socket) -> int:
    """How many segments a client has sent that are not acknowledged."""
    return int.from_bytes(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, UNACKED.stop)[UNACKED], sys.byteorder)


def patiently(call: Callable[[], T], reader: socket.socket | None = None) -> T:
    """The result of a client's call with a time-out; called again while the server is kept from working.

    reader: the client, if it reads; it is also called again while what it reads is on its way.
    """
    for _ in range(_MORE_WAITS):
        try:
            return call()
        except TimeoutError:
            if not (reader is not None and on_its_way(reader)) and not kept_from_working():
                raise
    return call()


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within `PATIENCE` seconds, or some times that if the server is kept from it."""
    for _ in range(1 + _MORE_WAITS):
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            if condition():
                return True
            time.sleep(0.02)
        if not kept_from_working():
            break
    return condition()


def collected_late(subject: Subject) -> str:
    """Whose heap grows by far more than is in use before it is collected; empty if that is not known of it."""
    for process in processes(subject):
        with suppress(OSError, psutil.Error):
            mapped = Path(f"/proc/{process.pid}/maps").read_text()
            if found := next((name for library, name in _COLLECTED_LATE.items() if library in mapped), ""):
                return found
            if _TOLD_WHEN.intersection(process.environ()) and _IS_GO in Path(f"/proc/{process.pid}/exe").read_bytes():
                return "a Go program with GOGC or GOMEMLIMIT"
    return ""


def grown_with_all(subject: Subject, say: Callable[[int], int], sure_of_one_thread: int) -> list[float]:
    """By which shares of what was said memory has grown, each time; none as soon as one is far below all.

    Who keeps all grows by at least what is said, from the first byte on; a heap may grow by much, but not with all.
    say: says so many bytes or fewer; returns how many. sure_of_one_thread: after how many a growth by all is enough.
    """
    threads, late = sum(process.num_threads() for process in processes(subject)), collected_late(subject)
    sure = sure_of_one_thread if threads == 1 else _SURE_BYTES
    before, said, shares = rss_bytes(subject), 0, list[float]()
    for size in (*_SAID_MIB, *_SAID_TO_A_HEAP_MIB) if late else _SAID_MIB:
        while said < size << 20:
            said += say((size << 20) - said)
        shares.append((rss_bytes(subject) - before) / said)
        if shares[-1] < _LEAST_SHARE:
            return []
        if not late and said >= sure and min(shares) > _ALL_SHARE:
            break
    return shares
