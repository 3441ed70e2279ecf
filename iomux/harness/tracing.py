"""Traced sockets and pollers: the same calls, between two looks at the clock.

Nothing in the plain servers knows of them. A traced socket stands where the socket would: it makes the same
call, notes when it began and ended, and with `recvmsg` takes the stamp that the kernel put on the bytes when
they arrived (SO_TIMESTAMPNS, socket(7)). A traced poller notes when the readiness call returned. All stamps
are of one clock, CLOCK_REALTIME, because that is the kernel's for packets (ktime_get_real, net/core/dev.c).

A blocking `recv` waits and copies in one call. To tell the two apart a traced blocking socket first waits
for one byte with MSG_PEEK, which leaves it where it is (recv(2)).

What it costs the traced server: some 2 µs a request: the readings of the clock, `recvmsg` for `recv`, and
where it blocks, the peek.
"""

import functools
import itertools
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

from iomux.facilities import SO_TIMESTAMPNS, has

clock = time.time_ns
RECV, SEND = 0, 1
ANCILLARY_BYTES = 64
"""Room for one stamp: a header of 16 bytes and a struct timespec of 16 (cmsg(3))."""
COUNTED = ("wait", "control", "recv", "send", "accept")
"""The system calls counted: the readiness call, changes of an interest list in the kernel, and the socket's own."""
WAIT, CONTROL, RECVS, SENDS, ACCEPTS = range(5)
_TIMESPEC = struct.Struct("@ll")
_EVENT = struct.Struct("@12q")


class Event(NamedTuple):
    """One `recv` or `send` that moved bytes. Times in nanoseconds of CLOCK_REALTIME."""

    port: int
    """The client's port: the name that both ends have for the connection."""
    kind: int
    ready: int
    """When the last readiness call before it returned; 0 where there was none."""
    begin: int
    end: int
    stamp: int
    """The kernel's receive stamp of the bytes; 0 where it is missing."""
    size: int
    calls: tuple[int, ...]
    """How many system calls the process had made by then, in the order of `COUNTED`."""


class Trace:
    """What one process saw: up to `room` events.

    The room is written to beforehand: the first write to a new page of memory is a page fault, and here that
    would be 5 µs in the middle of every eightieth request.
    """

    def __init__(self, room: int) -> None:
        self.calls = [0] * len(COUNTED)
        self.ready = 0
        self._room = room
        self._events = bytearray(b"\xff") * (room * _EVENT.size)
        self._next = itertools.count().__next__  # one call, so that two threads never get the same number

    def note(self, port: int, kind: int, ready: int, begin: int, end: int, stamp: int, size: int) -> None:
        """Keep one event, with the calls so far; beyond the room it is only counted."""
        number = self._next()
        if number < self._room:
            offset = number * _EVENT.size
            _EVENT.pack_into(self._events, offset, port, kind, ready, begin, end, stamp, size, *self.calls)

    def packed(self) -> bytes:
        """All events, to be unpacked by `events`. Raises OverflowError where there were more than it has room for."""
        if (noted := self._next()) > self._room:
            raise OverflowError(f"{noted:,} calls for these requests, and room for {self._room:,}: follow fewer")
        return bytes(self._events[: noted * _EVENT.size])


def events(packed: bytes) -> Iterator[Event]:
    """The events that a trace has packed, in their order."""
    for numbers in _EVENT.iter_unpack(packed):
        yield Event._make((*numbers[:7], numbers[7:]))


def ask_for_stamps(sock: socket.socket) -> None:
    """Ask the kernel for a receive stamp with each `recvmsg`, where it has them."""
    if has("timestamps"):
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def stamp_in(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The kernel's receive stamp, in nanoseconds; 0 where there is none (a struct timespec, socket(7))."""
    if not ancillary:
        return 0
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    return int(seconds * 1_000_000_000 + nanoseconds)


class TracedSocket:
    """A connected socket that notes when its calls begin and end; everything else is the socket's own."""

    def __init__(self, sock: socket.socket, trace: Trace, port: int) -> None:
        self._sock = sock
        self._trace = trace
        self._note = functools.partial(trace.note, port)
        self._waits = sock.gettimeout() != 0
        self._received: tuple[int, int, int, Any, int] | None = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As socket.recv; with flags (a peek) it is not the reading of a request, and is not noted."""
        if flags:
            self._trace.calls[RECVS] += 1
            return self._sock.recv(size, flags)
        ready, begin = self._before_recv()
        data, ancillary, _, _ = self._sock.recvmsg(size, ANCILLARY_BYTES)
        self._received = ready, begin, clock(), ancillary, len(data)
        return data

    def recv_into(self, buffer: Any) -> int:
        """As socket.recv_into."""
        ready, begin = self._before_recv()
        size, ancillary, _, _ = self._sock.recvmsg_into([buffer], ANCILLARY_BYTES)
        self._received = ready, begin, clock(), ancillary, size
        return size

    def send(self, data: Any) -> int:
        """As socket.send."""
        begin = clock()
        size = self._sock.send(data)
        self._after_send(begin, clock(), size)
        return size

    def sendall(self, data: Any) -> None:
        """As socket.sendall."""
        begin = clock()
        self._sock.sendall(data)
        self._after_send(begin, clock(), len(data))

    def setblocking(self, flag: bool) -> None:
        """As socket.setblocking."""
        self._sock.setblocking(flag)
        self._waits = flag

    def _before_recv(self) -> tuple[int, int]:
        self._note_received()
        self._trace.calls[RECVS] += 1
        if not self._waits:
            return self._trace.ready, clock()
        self._sock.recv(1, socket.MSG_PEEK)
        ready = clock()
        return ready, ready

    def _after_send(self, begin: int, end: int, size: int) -> None:
        self._trace.calls[SENDS] += 1
        self._note_received()
        self._note(SEND, self._trace.ready, begin, end, 0, size)

    def _note_received(self) -> None:
        # Not at once, but when the answer is out: what noting costs would be a part of the handler's time.
        if self._received is not None:
            ready, begin, end, ancillary, size = self._received
            self._received = None
            self._note(RECV, ready, begin, end, stamp_in(ancillary), size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def __enter__(self) -> "TracedSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


class TracedListener:
    """A listening socket whose clients are traced."""

    def __init__(self, listener: socket.socket, trace: Trace) -> None:
        self._listener = listener
        self._trace = trace
        ask_for_stamps(listener)  # those it accepts inherit it

    def accept(self) -> tuple[socket.socket, Any]:
        """As socket.accept."""
        self._trace.calls[ACCEPTS] += 1
        client, address = self._listener.accept()
        return cast(socket.socket, TracedSocket(client, self._trace, address[1])), address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


class TracedPoller:
    """A poller, or a selector, that notes when its waiting call returned. in_kernel: its interest list is there."""

    def __init__(self, poller: Any, wait: Callable[..., Any], trace: Trace, in_kernel: bool) -> None:
        self._poller = poller
        self._wait = wait
        self._trace = trace
        self._in_kernel = in_kernel

    def poll(self, timeout: float | None = None) -> Any:
        """As the poller's `poll`, and the selector's `select`."""
        self._trace.calls[WAIT] += 1
        ready = self._wait(timeout)
        self._trace.ready = clock()
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
