"""Traced sockets and pollers: the same calls, between two readings of the clock.

The servers' code does not refer to them. A traced socket replaces the plain one: it makes the same
call, records when it began and ended, and with `recvmsg` gets the kernel's timestamp of the bytes'
arrival (SO_TIMESTAMPNS, socket(7)). A traced poller records when the readiness call returned.

A blocking `recv` waits and copies in one call. To separate the two, a traced blocking socket first waits
for one byte with MSG_PEEK, which leaves it in the buffer (recv(2)).

Cost to the traced server: some 2 µs for each request: the clock readings, `recvmsg` instead of `recv`, and
on blocking sockets the peek.
"""

import functools
import socket
from collections.abc import Callable
from typing import Any

from iomux.harness.timeline.reports import ConnectionReports, Reports
from iomux.harness.timeline.trace import ACCEPTS, CONTROL, RECV, RECVS, SEND, SENDS, WAIT, EventSink, realtime_ns
from iomux.servers.observed.instrument import Listener
from iomux.system.sockets import ANCILLARY_BYTES, ask_for_stamps, stamp_in


class TracedSocket:
    """A connected socket that records when its calls begin and end; everything else is passed on to the socket."""

    def __init__(
        self, sock: socket.socket, trace: EventSink, port: int, reports: ConnectionReports | None = None
    ) -> None:
        self._sock = sock
        self._trace = trace
        self._note = functools.partial(trace.note, port)
        self.fileno = sock.fileno  # not by __getattr__: select asks every socket of its lists for it, at every call
        self._reports = reports  # of the server's own pollers; None for a registered server
        self._blocking = sock.gettimeout() != 0
        self._last_wait_told = not self._blocking and reports is None
        self._peeked = 0  # when the last peek returned, which is a blocking socket's readiness call
        self._received: tuple[int, int, int, Any, int, int] | None = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As socket.recv; the server's own peeks read nothing and are not recorded."""
        if flags & socket.MSG_PEEK:
            self._trace.calls[RECVS] += 1
            return self._sock.recv(size, flags)
        ready, entered, begin = self._before_recv(flags)
        data, ancillary, _, _ = self._sock.recvmsg(size, ANCILLARY_BYTES, flags)
        self._received = ready, begin, realtime_ns(), ancillary, len(data), entered
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As socket.recv_into; a peek is not recorded."""
        place = memoryview(buffer).cast("B")
        if flags & socket.MSG_PEEK or not 0 <= nbytes <= len(place):  # the socket itself raises the error
            self._trace.calls[RECVS] += 1
            return self._sock.recv_into(buffer, nbytes, flags)
        ready, entered, begin = self._before_recv(flags)
        size, ancillary, _, _ = self._sock.recvmsg_into([place[: nbytes or len(place)]], ANCILLARY_BYTES, flags)
        self._received = ready, begin, realtime_ns(), ancillary, size, entered
        return size

    def send(self, data: Any, flags: int = 0) -> int:
        """As socket.send."""
        begin = realtime_ns()
        size = self._sock.send(data, flags)
        self._after_send(begin, realtime_ns(), size)
        return size

    def sendmsg(self, *arguments: Any) -> int:
        """As socket.sendmsg, which asyncio uses for its write buffer from Python 3.12 on."""
        begin = realtime_ns()
        size = self._sock.sendmsg(*arguments)
        self._after_send(begin, realtime_ns(), size)
        return size

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As socket.sendall."""
        begin = realtime_ns()
        self._sock.sendall(data, flags)
        self._after_send(begin, realtime_ns(), memoryview(data).nbytes)

    def setblocking(self, flag: bool) -> None:
        """As socket.setblocking."""
        self.settimeout(None if flag else 0)

    def settimeout(self, seconds: float | None) -> None:
        """As socket.settimeout."""
        self._sock.settimeout(seconds)
        self._blocking, self._peeked = seconds != 0, 0
        self._last_wait_told = not self._blocking and self._reports is None

    def _before_recv(self, flags: int) -> tuple[int, int, int]:
        """When readiness was reported, when this call began to wait for it (0: it did not), and the time now."""
        self._note_received()
        self._trace.calls[RECVS] += 1
        if self._last_wait_told:
            return self._trace.ready, 0, realtime_ns()
        waits = self._blocking and not flags & socket.MSG_DONTWAIT
        if self._reports is not None and (told := self._reports.before_recv(waits)):
            return told
        if not waits:
            return self._trace.ready, 0, realtime_ns()
        entered = realtime_ns()
        self._sock.recv(1, socket.MSG_PEEK)
        self._peeked = realtime_ns()
        return self._peeked, entered, self._peeked

    def _after_send(self, begin: int, end: int, size: int) -> None:
        self._trace.calls[SENDS] += 1
        self._note_received()
        if self._reports is None:
            self._note(SEND, self._peeked or self._trace.ready, begin, end, 0, size)
        else:
            ready, entered = self._reports.before_send(self._peeked)
            self._note(SEND, ready, begin, end, 0, size, entered)

    def _note_received(self) -> None:
        # Only after the reply is sent: recording earlier would count as handler time.
        if self._received is not None:
            ready, begin, end, ancillary, size, entered = self._received
            self._received = None
            self._note(RECV, ready, begin, end, stamp_in(ancillary), size, entered)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __enter__(self) -> "TracedSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


def traced_listener(listener: socket.socket, trace: EventSink, reports: Reports | None = None) -> Listener:
    """A listening socket whose clients are traced. reports: of the pollers that the server makes itself."""
    ask_for_stamps(listener)  # accepted sockets inherit this

    def accept() -> tuple[TracedSocket, Any]:
        trace.calls[ACCEPTS] += 1
        client, address = listener.accept()
        return TracedSocket(client, trace, address[1], reports.connection(client) if reports else None), address

    return Listener(listener, accept)


class TracedPoller:
    """A poller or selector that records when its waiting call returned. in_kernel: whether its list is there."""

    def __init__(self, poller: Any, wait: Callable[..., Any], trace: EventSink, in_kernel: bool) -> None:
        self._poller = poller
        self._wait = wait
        self._trace = trace
        self._in_kernel = in_kernel

    def poll(self, timeout: float | None = None) -> Any:
        """As the poller's `poll`, and the selector's `select`."""
        self._trace.calls[WAIT] += 1
        ready = self._wait(timeout)
        self._trace.ready = realtime_ns()
        return ready

    select = poll

    def register(self, *arguments: Any) -> Any:
        """As the poller's."""
        self._trace.calls[CONTROL] += self._in_kernel
        return self._poller.register(*arguments)

    def modify(self, *arguments: Any) -> Any:
        """As the poller's."""
        self._trace.calls[CONTROL] += self._in_kernel
        return self._poller.modify(*arguments)

    def unregister(self, *arguments: Any) -> Any:
        """As the poller's."""
        self._trace.calls[CONTROL] += self._in_kernel
        return self._poller.unregister(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)
