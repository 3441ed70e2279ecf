"""The timeline's client: asks through stamped sockets, in a process of its own, and keeps what they saw."""

import functools
import gc
import socket
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from iomux.harness.clients import connect, spread
from iomux.harness.generator import Generator
from iomux.harness.trace import ANCILLARY_BYTES, RECV, SEND, Trace, ask_for_stamps, clock, stamp_in

_STAMPS_BEGIN_SECONDS = 0.05  # after the first socket has asked for them (net/core/dev.c, net_enable_timestamp)


MOST_EVENTS = 1_000_000
"""The most events that one side keeps: some 100 MB."""


def room(requests: int, size: int) -> int:
    """How many events one side may see: a `recv` and a `send` a request, and more where it comes in pieces."""
    return min(requests * 2 * (2 + size // 1024), MOST_EVENTS)


class Question(NamedTuple):
    """What to ask: as the arguments of `iomux.timeline`."""

    address: tuple[str, int]
    connections: int
    active: int
    size: int
    requests: int
    deadline: float


@dataclass
class Seen:
    """What the clients saw."""

    packed: bytes = b""
    """The clients' events, to be unpacked by `trace.events`."""
    laps_ns: "array[int]" = field(default_factory=lambda: array("q"))
    """Each request by the client's own stopwatch, a steady clock, in the order of the answers."""
    errors: Counter[str] = field(default_factory=Counter)
    unserved: int = 0
    clock_moved_ns: int = 0
    """By how much the system's clock and the steady one came apart meanwhile."""


def ask(question: Question, spin: bool) -> Seen:
    """Ask `question.requests` times in a closed loop, and return what was seen. spin: as for the load generator."""
    seen = Seen()
    trace = Trace(room(question.requests, question.size))
    clients = connect(question.address, question.connections, question.deadline, seen.errors)
    active = spread(clients, question.active)
    for client in active:
        ask_for_stamps(client.sock)
        stamped = StampedSocket(client.sock, question.size, trace, seen.laps_ns)
        client.send, client.recv = cast(Any, stamped.send), cast(Any, stamped.recv)
    time.sleep(_STAMPS_BEGIN_SECONDS)
    generator = Generator(active, question.size, spin, seen.errors)
    gc.disable()  # a collection in the middle would be a phase of ours
    apart = clock() - time.perf_counter_ns()
    generator.until_answered(question.requests, question.deadline)
    seen.clock_moved_ns = clock() - time.perf_counter_ns() - apart
    seen.packed = trace.packed()
    seen.unserved = sum(not client.served for client in active) + question.active - len(active)
    return seen


class StampedSocket:
    """The client's end: notes each `send` and `recv` by two clocks, the one of the kernel's stamps and a steady one."""

    def __init__(self, sock: socket.socket, size: int, trace: Trace, laps_ns: "array[int]") -> None:
        self._sock = sock
        self._size = size
        self._note = functools.partial(trace.note, sock.getsockname()[1])
        self._laps_ns = laps_ns
        self._began = self._left = 0

    def send(self, data: Any) -> int:
        """As socket.send."""
        begin, steady = clock(), time.perf_counter_ns()
        size = self._sock.send(data)
        if not self._left:
            self._left, self._began = self._size, steady
        self._note(SEND, 0, begin, clock(), 0, size)
        return size

    def recv(self, most: int) -> bytes:
        """As socket.recv."""
        begin = clock()
        data, ancillary, _, _ = self._sock.recvmsg(most, ANCILLARY_BYTES)
        end, steady = clock(), time.perf_counter_ns()
        self._left -= len(data)
        if not self._left:
            self._laps_ns.append(steady - self._began)
        self._note(RECV, 0, begin, end, stamp_in(ancillary), len(data))
        return data
