"""A live trace: the newest calls of a loaded server on a few of its connections, in memory that another process reads.

The server is traced as for a timeline (`iomux.harness.timeline.sockets`), with two differences. Only some of its
connections are traced, so that the others, and the figures, do not change. And the trace is a ring buffer in shared
memory: it holds the newest events for as long as the server runs, and the owner reads them without asking the server.

Cost: some 2 µs a request on the traced connections (5 µs under io_uring, and there on all connections) while the
server is busy. A server that sleeps between two requests finds its caches cold: with a single active connection some
20 µs of processor time, a quarter more, and 6 µs of latency were measured. For exact figures use `iomux.load`.
Sources: mmap(2), MAP_SHARED; socket(7), SO_TIMESTAMPNS.
"""

import functools
import itertools
import mmap
import os
import socket
import struct
import tempfile
from collections.abc import Collection
from typing import Any, NoReturn, cast

from iomux import servers
from iomux.harness.timeline.server import traced
from iomux.harness.timeline.sockets import TracedSocket
from iomux.harness.timeline.trace import COUNTED, EVENT, Event, events, realtime_ns
from iomux.servers.connection import Handler
from iomux.servers.observed.instrument import UNTRACEABLE, Listener
from iomux.system.sockets import ask_for_stamps

ACCEPT = 2
"""The kind of an `accept` event, besides RECV and SEND."""
TRACED_CONNECTIONS = 3
"""How many of the active connections are traced."""
_CAPACITY = 1024  # events
_COUNT = struct.Struct("@q")
_BYTES = _COUNT.size + _CAPACITY * EVENT.size


def traced_connections(connections: int, active: int) -> frozenset[int]:
    """The numbers of the traced connections, in order of arrival: the first few that `spread` makes active."""
    return frozenset(number * connections // active for number in range(min(active, TRACED_CONNECTIONS)))


class EventBuffer:
    """The newest events of one server, in shared memory: an `EventSink`, as a `Trace` is."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.calls = [0] * len(COUNTED)
        self.ready = 0
        self._memory = memory
        self._next = itertools.count().__next__  # one call, so that two threads never get the same number

    def note(
        self, port: int, kind: int, ready: int, begin: int, end: int, stamp: int, size: int, entered: int = 0
    ) -> None:
        """Keep one event in place of the oldest; it counts once it is complete, so that no reader sees a part of it."""
        number = self._next()
        offset = _COUNT.size + number % _CAPACITY * EVENT.size
        EVENT.pack_into(self._memory, offset, port, kind, ready, begin, end, stamp, size, entered, *self.calls)
        _COUNT.pack_into(self._memory, 0, number + 1)


class SharedTrace:
    """The owner's side: a file that both processes map, soon without a name. `close` it, or use it in a `with`."""

    def __init__(self) -> None:
        descriptor, self.path = tempfile.mkstemp(prefix="iomux-")
        try:
            os.ftruncate(descriptor, _BYTES)
            self._memory = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)

    def newest(self) -> list[Event]:
        """The newest events, from the oldest of them to the last, without those that were overwritten meanwhile."""
        (noted,) = _COUNT.unpack_from(self._memory)
        copy = self._memory[_COUNT.size :]
        (by_now,) = _COUNT.unpack_from(self._memory)
        first, place = max(0, by_now + 1 - _CAPACITY), noted % _CAPACITY * EVENT.size
        packed = copy[: noted * EVENT.size] if noted < _CAPACITY else copy[place:] + copy[:place]
        return list(events(packed[max(0, first - max(0, noted - _CAPACITY)) * EVENT.size :]))

    def close(self) -> None:
        """Unmap the memory, and remove the file if the server has not done so."""
        self._memory.close()
        _unlink(self.path)

    def __enter__(self) -> "SharedTrace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def partly_traced(listener: socket.socket, buffer: EventBuffer, numbers: Collection[int]) -> Listener:
    """A listening socket that returns traced sockets for the connections with these numbers."""
    ask_for_stamps(listener)  # those it accepts inherit it
    number = itertools.count().__next__

    def accept() -> tuple[Any, Any]:
        begin = realtime_ns()
        client, address = listener.accept()
        if (here := number()) not in numbers:
            return client, address
        buffer.note(here, ACCEPT, buffer.ready, begin, realtime_ns(), 0, 0)
        return TracedSocket(client, buffer, here), address

    return Listener(listener, accept)


def serve(server: str, path: str, numbers: Collection[int], listener: socket.socket, handler: Handler) -> NoReturn:
    """Run a registered server with some connections traced; their events go to the memory of file `path`."""
    descriptor = os.open(path, os.O_RDWR)
    buffer = EventBuffer(mmap.mmap(descriptor, _BYTES))
    os.close(descriptor)
    _unlink(path)  # both have mapped it: no file remains, however they end
    listening = cast(socket.socket, partly_traced(listener, buffer, numbers))
    servers.run_forever(traced(server, buffer), listening, handler)


def trace_some(server: str, path: str, numbers: Collection[int]) -> servers.Serve:
    """A `serve` function of the named server, partly traced. Raises LookupError if the server is not available."""
    servers.get(server).load()
    serving = functools.partial(serve, server, path, numbers)
    cast(Any, serving).__name__ = server
    return serving


def why_not(server: str) -> str:
    """Why a server's calls can't be traced; empty if they can."""
    return UNTRACEABLE.get(server, "")


def _unlink(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
