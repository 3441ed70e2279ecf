"""The timeline's client: asks through stamped sockets, in a process of its own, and keeps what they saw."""

import functools
import gc
import socket
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from iomux.harness.load.clients import Client, connect, spread
from iomux.harness.load.generator import Generator
from iomux.harness.timeline.trace import RECV, SEND, Trace, clocks_apart, realtime_ns
from iomux.system.timestamps import ANCILLARY_BYTES, ask_for_stamps, stamp_in

_STAMPS_BEGIN_SECONDS = 0.05  # after the first socket has asked for them (net/core/dev.c, net_enable_timestamp)
_WARMUP_SECONDS = 1.0  # of a slow server a few requests are warm-up enough
_LEAVE_SECONDS = 0.2  # for the answers still under way: to close on one resets its connection (RFC 1122, 4.2.2.13)

WARMUP = 50
"""Requests that are followed and dropped: after some 20 no phase moves any more. Fewer, if they take a second."""
LEAST_EVENTS = 200_000
"""Room that there is for any number of requests: a server may take a request to pieces, byte by byte. Some 20 MB."""
MOST_EVENTS = 1_000_000
"""The most events that one side keeps: some 100 MB."""


def event_capacity(requests: int, active: int, size: int) -> int:
    """How many events one side may see: a `recv` and a `send` a request, and more where it comes in pieces.

    Each of the `active` clients may have one request more than is followed.
    """
    return min(max((requests + WARMUP + active) * 2 * (2 + size // 1024), LEAST_EVENTS), MOST_EVENTS)


class TimelinePlan(NamedTuple):
    """What to ask: as the arguments of `iomux.timeline`."""

    address: tuple[str, int]
    connections: int
    active: int
    size: int
    requests: int
    """How many after the warm-up."""
    deadline: float
    seconds: float = 60.0
    """How long these may take."""


@dataclass
class ClientTrace:
    """What the clients saw."""

    packed: bytes = b""
    """The clients' events, to be unpacked by `trace.events`."""
    overflow: str = ""
    """Why there are no events: there were more than there was room for."""
    laps_ns: dict[int, "array[int]"] = field(default_factory=dict)
    """By its client's port, each rightly answered request by the client's own stopwatch, a steady clock."""
    warmup: int = 0
    """How many were answered before the clients were warm."""
    errors: Counter[str] = field(default_factory=Counter)
    unserved: int = 0
    clock_moved_ns: int = 0
    """By how much the system's clock and the steady one came apart meanwhile."""


def run_client(question: TimelinePlan, spin: bool) -> ClientTrace:
    """Ask in a closed loop, a warm-up and `question.requests` times, and return what was seen.

    spin: as for the load generator.
    """
    seen = ClientTrace()
    trace = Trace(event_capacity(question.requests, question.active, question.size))
    clients = connect(question.address, question.connections, question.deadline, seen.errors)
    active = spread(clients, question.active)
    sockets = [_stamp(client, question.size, trace) for client in active]
    time.sleep(_STAMPS_BEGIN_SECONDS)
    generator = Generator(active, question.size, spin, seen.errors)
    gc.disable()  # a collection in the middle would be a phase of ours
    apart = clocks_apart()
    missing, late = _converse(question, generator, seen)
    seen.clock_moved_ns = clocks_apart() - apart
    seen.laps_ns = {sock.port: sock.accepted() for sock in sockets}
    try:
        seen.packed = trace.packed()
    except OverflowError as error:
        seen.overflow = str(error)
    generator.drain_in_flight(_LEAVE_SECONDS)
    _count_missing(missing, late, active, seen)
    seen.unserved = sum(not client.served for client in active) + question.active - len(active)
    return seen


def _converse(question: TimelinePlan, generator: Generator, seen: ClientTrace) -> tuple[int, bool]:
    """Let the clients ask; how many answers were still to come at the end, and whether it was the time that was up."""
    generator.until_answered(WARMUP, question.deadline, _WARMUP_SECONDS)
    seen.warmup = len(generator.response_ns)
    began = time.monotonic()
    generator.until_answered(seen.warmup + question.requests, question.deadline, question.seconds)
    late = time.monotonic() - began >= question.seconds
    return seen.warmup + question.requests - len(generator.response_ns), late


def _count_missing(missing: int, late: bool, active: list[Client], seen: ClientTrace) -> None:
    """A run that ended early is not to look like a whole one: say what cut it short."""
    waiting = sum(bool(client.payload) for client in active)
    if missing > 0 and late:
        seen.errors["not asked, the time was up"] = missing
    elif missing > 0 and waiting:
        seen.errors["no reply by the deadline"] = waiting


def _stamp(client: Client, size: int, trace: Trace) -> "StampedSocket":
    """Let a client send and receive through a stamped socket from now on."""
    ask_for_stamps(client.sock)
    stamped = StampedSocket(client.sock, size, trace)
    client.send, client.recv = cast(Any, stamped.send), cast(Any, stamped.recv)
    return stamped


class StampedSocket:
    """The client's end: notes each `send` and `recv` by two clocks, the one of the kernel's stamps and a steady one."""

    def __init__(self, sock: socket.socket, size: int, trace: Trace) -> None:
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._size = size
        self._note = functools.partial(trace.note, self.port)
        self._laps_ns = array("q")
        self._began = self._left = 0

    def accepted(self) -> "array[int]":
        """By the stopwatch, each request whose reply was right: a client that was sent another is closed at once."""
        wrong = self._sock.fileno() < 0 and not self._left
        return self._laps_ns[:-1] if wrong else self._laps_ns[:]

    def send(self, data: Any) -> int:
        """As socket.send."""
        begin, steady = realtime_ns(), time.perf_counter_ns()
        if not self._left:  # before the call: if it fails, a new request has begun all the same
            self._left, self._began = self._size, steady
        size = self._sock.send(data)
        self._note(SEND, 0, begin, realtime_ns(), 0, size)
        return size

    def recv(self, most: int) -> bytes:
        """As socket.recv."""
        begin = realtime_ns()
        data, ancillary, _, _ = self._sock.recvmsg(most, ANCILLARY_BYTES)
        end, steady = realtime_ns(), time.perf_counter_ns()
        self._left -= len(data)
        if not self._left:
            self._laps_ns.append(steady - self._began)
        self._note(RECV, 0, begin, end, stamp_in(ancillary), len(data))
        return data
