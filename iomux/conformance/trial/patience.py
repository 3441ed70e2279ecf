"""How long a server may take to go on: longer while the machine has no core for it.

A right server on a crowded machine is slow, and that is not its fault. The kernel tells both: how crowded the machine
is (pressure stall information), and whether a process is ready to run. While tasks wait for a core for much of the
time, and the server is one of those that would run, a wait that is over begins again, a few times. A server that
sleeps has nothing to do: it is waited for no longer than on a quiet machine. Nor is it its fault if the kernel still
has to send what it has written, or what it has been asked, or to send it again.
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

from iomux.conformance.trial.rest import any_runs
from iomux.conformance.trial.subject import PATIENCE, UNDER_TRIAL, Fault, NotSeen, Subject, pids
from iomux.system.disturbance.pressure import lately
from iomux.system.sock_diag.other_end import UNACKED, other_end

_CROWDED_SHARE, _MORE_WAITS = 0.4, 3
_LOOKS, _LOOK_SECONDS = 5, 0.01
_PRINTING_SECONDS, _PRINTED_BYTES = 0.5, 10_000

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
