"""When a server's own pollers reported each of its descriptors, so that a `recv` is known to be told of its bytes.

A registered server has one poller, and the last wait is the one that counts. A server of someone else may have
several, in several threads, and may make a plain blocking `recv` once its poller has reported the bytes. So each
descriptor has its own report here: when the wait began that reported it, and when that wait returned.
"""

import socket
from collections.abc import Iterable

from iomux.harness.timeline.trace import CONTROL, WAIT, EventSink, realtime_ns
from iomux.servers.connection import WRITE

Report = tuple[int, int]
"""When the wait that reported a descriptor began, and when it returned."""
_NONE: Report = (0, 0)


class Reports:
    """The last report of each descriptor: an observer of `iomux.servers.observed.watched_select`."""

    def __init__(self, trace: EventSink) -> None:
        self._trace = trace
        self._readable: dict[int, Report] = {}
        self._writable: dict[int, Report] = {}

    def entered(self) -> int:
        """As Observer.entered: the time."""
        self._trace.calls[WAIT] += 1
        return realtime_ns()

    def told(self, entered: int, ready: Iterable[tuple[int, int]]) -> None:
        """As Observer.told."""
        report = entered, realtime_ns()
        self._trace.ready = report[1]
        for fd, events in ready:
            if events & ~WRITE:
                self._readable[fd] = report
            if events & WRITE:
                self._writable[fd] = report

    def listed(self) -> None:
        """As Observer.listed."""
        self._trace.calls[CONTROL] += 1

    def connection(self, sock: socket.socket) -> "ConnectionReports":
        """The reports of a client just accepted, without those of the last one that had its number."""
        fd = sock.fileno()
        self._readable.pop(fd, None)
        self._writable.pop(fd, None)
        return ConnectionReports(self._readable, self._writable, fd)


class ConnectionReports:
    """The reports of one connection."""

    def __init__(self, readable: dict[int, Report], writable: dict[int, Report], fd: int) -> None:
        self._readable, self._writable, self._fd = readable, writable, fd
        self._asked = 0

    def before_recv(self, waits: bool) -> tuple[int, int, int] | None:
        """When the bytes were reported, when that wait began, and the time now; None if this `recv` itself waits.

        waits: whether the call waits while there are no bytes. Then it does, unless a report came since the last one.
        """
        entered, ready = self._readable.get(self._fd, _NONE)
        last, self._asked = self._asked, realtime_ns()
        return None if waits and ready <= last else (ready, entered, self._asked)

    def before_send(self, peeked: int) -> tuple[int, int]:
        """When the connection was last reported, for reading or for writing, and when that wait began.

        peeked: when a blocking `recv` found its bytes; 0 if none had to wait.
        """
        entered, ready = max(self._readable.get(self._fd, _NONE), self._writable.get(self._fd, _NONE))
        return (ready, entered) if ready > peeked else (peeked, 0)
