"""Follow a few connections of a server while it is loaded: what it does for them now, to be looked at from outside.

The server is the timeline's traced one (`iomux.harness.timeline.sockets`), with two differences. Only some of its
connections are traced, so that the others, and the figures, are as they were. And the trace is a buffer in memory that
the owner shares: it holds the newest events, for as long as the server runs, and nobody has to ask the server for
them.

Cost: some 2 µs a request on the connections that are followed (5 µs under io_uring, and there on all of them) while
the server is busy. One that sleeps between two requests finds its caches cold: with a single active connection some
20 µs of processor time, a quarter more, and 6 µs of latency were measured. Exact figures are `iomux.load`'s.
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
from iomux.servers.instrument import UNTRACEABLE, Listener
from iomux.system.timestamps import ask_for_stamps

ACCEPT = 2
"""The kind of event that an `accept` is here, beside RECV and SEND."""
TRACED_CONNECTIONS = 3
"""How many of the active connections are followed."""
_ROOM = 1024  # events
_COUNT = struct.Struct("@q")
_BYTES = _COUNT.size + _ROOM * EVENT.size


def traced_connections(connections: int, active: int) -> frozenset[int]:
    """Which connections are followed, by the order in which they come: the first few that `spread` makes active."""
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
        """Keep one event in the place of the oldest; counted when it is whole, so that a reader sees no half ones."""
        number = self._next()
        offset = _COUNT.size + number % _ROOM * EVENT.size
        EVENT.pack_into(self._memory, offset, port, kind, ready, begin, end, stamp, size, entered, *self.calls)
        _COUNT.pack_into(self._memory, 0, number + 1)


class SharedTrace:
    """The owner's side: a file without a name, soon, that both have mapped. `close` it, or use it in a `with`."""

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
        first, place = max(0, by_now + 1 - _ROOM), noted % _ROOM * EVENT.size
        packed = copy[: noted * EVENT.size] if noted < _ROOM else copy[place:] + copy[:place]
        return list(events(packed[max(0, first - max(0, noted - _ROOM)) * EVENT.size :]))

    def close(self) -> None:
        """Let go of the memory, and of the file's name if the server never took it."""
        self._memory.close()
        _forget(self.path)

    def __enter__(self) -> "SharedTrace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def partly_traced(listener: socket.socket, buffer: EventBuffer, numbers: Collection[int]) -> Listener:
    """A listening socket that hands out traced sockets for the connections to be followed, by their number."""
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
    """Run a registered server with some of its connections followed, their events in the memory of file `path`."""
    descriptor = os.open(path, os.O_RDWR)
    buffer = EventBuffer(mmap.mmap(descriptor, _BYTES))
    os.close(descriptor)
    _forget(path)  # both have it: whatever ends them now, nothing is left behind
    listening = cast(socket.socket, partly_traced(listener, buffer, numbers))
    servers.run_forever(traced(server, buffer), listening, handler)


def trace_some(server: str, path: str, numbers: Collection[int]) -> servers.Serve:
    """The `serve` function to be started: the server of that name, followed; LookupError where it is not available."""
    servers.get(server).load()
    serving = functools.partial(serve, server, path, numbers)
    cast(Any, serving).__name__ = server
    return serving


def why_not(server: str) -> str:
    """Why a server's calls can't be followed; empty where they can."""
    return UNTRACEABLE.get(server, "")


def _forget(path: str) -> None:
    if os.path.exists(path):
        os.unlink(path)
