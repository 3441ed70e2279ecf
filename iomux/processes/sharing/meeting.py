"""Several processes agree on a moment: each says that it is ready, and all are told the same time of a common clock.

Each has one end of a socket pair, and their owner the others. The clock is that of `time.perf_counter_ns`, on Linux
CLOCK_MONOTONIC, which is one for all processes of a machine (clock_gettime(2)). So nobody has to be woken in time: they
are told early, and wait by themselves. Cost: two system calls and one wake-up a process.
"""

import select
import socket
import struct
import time
from collections.abc import Callable, Sequence

_MOMENT = struct.Struct("=q")
_READY = b"r"
_AHEAD_NS, _AHEAD_EACH_NS = 10_000_000, 500_000  # for all to be told, on cores that they may have to share
_NEAR_NS = 1_000_000


def meet(descriptor: int) -> int:
    """Say that this process is ready; return the agreed moment, in nanoseconds of `time.perf_counter_ns`.

    Raises EOFError if the owner has given up, because another process has failed.
    """
    with socket.socket(fileno=descriptor) as told:
        try:
            told.sendall(_READY)
            came = told.recv(_MOMENT.size, socket.MSG_WAITALL)
        finally:
            told.detach()  # for the next time
    if len(came) < _MOMENT.size:
        raise EOFError("the other processes did not come")
    (moment,) = _MOMENT.unpack(came)
    return int(moment)


def wait_until(moment: int, spin: bool) -> int:
    """Wait for a moment, the last millisecond without sleeping if `spin`; return how many nanoseconds late it is."""
    left = moment - time.perf_counter_ns()
    if left > (_NEAR_NS if spin else 0):
        time.sleep((left - (_NEAR_NS if spin else 0)) / 1e9)
    while time.perf_counter_ns() < moment:
        pass
    return time.perf_counter_ns() - moment


def agree(ends: Sequence[socket.socket], seconds: float, moment: Callable[[], int] | None = None) -> int | None:
    """Tell all processes one moment as soon as each is ready; None, or the number of the one that is gone or late.

    moment: asked for it when all are ready; by default soon.

    Example:
    >>> import socket, threading
    >>> from iomux.processes.sharing.meeting import agree, meet
    >>> near, far = socket.socketpair()
    >>> with near, far:
    ...     waiting = threading.Thread(target=meet, args=[far.fileno()])
    ...     waiting.start()
    ...     print(agree([near], seconds=10))
    ...     waiting.join()
    None
    """
    until, poller = time.monotonic() + seconds, select.poll()
    waiting = {end.fileno(): number for number, end in enumerate(ends)}
    for descriptor in waiting:
        poller.register(descriptor, select.POLLIN)
    while waiting:
        if not (ready := poller.poll(max(0.0, until - time.monotonic()) * 1000)):
            return min(waiting.values())
        for descriptor, _ in ready:
            poller.unregister(descriptor)
            number = waiting.pop(descriptor)
            if ends[number].recv(1) != _READY:
                return number
    when = moment() if moment else time.perf_counter_ns() + _AHEAD_NS + len(ends) * _AHEAD_EACH_NS
    for number, end in enumerate(ends):
        try:
            end.sendall(_MOMENT.pack(when))
        except OSError:
            return number
    return None
