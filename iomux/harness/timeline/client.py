"""The timeline's client process: it sends requests through traced sockets and records each `send` and `recv`."""

import functools
import gc
import socket
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from iomux.harness.load.clients import Client, connect, spread
from iomux.harness.load.generator import SECOND, Generator, perf_ns
from iomux.harness.timeline.trace import RECV, SEND, Trace, clock_offset_ns, realtime_ns
from iomux.system.sockets import ANCILLARY_BYTES, ask_for_stamps, stamp_in

_STAMPS_BEGIN_SECONDS = 0.05  # after the first socket enables them (net/core/dev.c, net_enable_timestamp)
_WARMUP_SECONDS = 1.0  # with a slow server a few requests are enough
_LEAVE_SECONDS = 0.2  # for replies under way: closing before they arrive resets the connection (RFC 1122, 4.2.2.13)

WARMUP = 50
"""Requests recorded and then dropped: after some 20 all phases are stable. Fewer if they take a second."""
LEAST_EVENTS = 200_000
"""The least room, for any number of requests: a server may read a request byte by byte. Some 20 MB."""
MOST_EVENTS = 1_000_000
"""The most events that one side records: some 100 MB."""


def event_capacity(requests: int, active: int, size: int) -> int:
    """How many events one side has room for: a `recv` and a `send` for each request, more if it comes in pieces.

    Each of the `active` clients may send one request more than is followed.
    """
    return min(max((requests + WARMUP + active) * 2 * (2 + size // 1024), LEAST_EVENTS), MOST_EVENTS)


class TimelinePlan(NamedTuple):
    """What to send: the arguments of `iomux.timeline`, and the server's address."""

    address: tuple[str, int]
    connections: int
    active: int
    size: int
    requests: int
    """How many after the warm-up."""
    deadline: float
    seconds: float = 60.0
    """How long these requests may take."""


@dataclass
class ClientTrace:
    """What the clients recorded."""

    packed: bytes = b""
    """The clients' events, for `trace.events` to unpack."""
    overflow: str = ""
    """The error message if there were more events than room; then there are none."""
    response_ns: dict[int, "array[int]"] = field(default_factory=dict)
    """The response times of the correctly answered requests, by client port, measured on a monotonic clock."""
    warmup: int = 0
    """How many requests were answered during the warm-up."""
    errors: Counter[str] = field(default_factory=Counter)
    unserved: int = 0
    clock_moved_ns: int = 0
    """How far the system's clock moved against the monotonic clock during the run."""


def run_client(plan: TimelinePlan, spin: bool) -> ClientTrace:
    """Send a warm-up and `plan.requests` requests in a closed loop; return what was recorded.

    spin: as for the load generator.
    """
    seen = ClientTrace()
    trace = Trace(event_capacity(plan.requests, plan.active, plan.size))
    clients = connect(plan.address, plan.connections, plan.deadline, seen.errors)
    active = spread(clients, plan.active)
    sockets = [_stamp(client, plan.size, trace) for client in active]
    time.sleep(_STAMPS_BEGIN_SECONDS)
    generator = Generator(active, plan.size, spin, seen.errors)
    gc.disable()  # a collection during the run would lengthen a phase
    offset = clock_offset_ns()
    missing, late = _send_requests(plan, generator, seen)
    seen.clock_moved_ns = clock_offset_ns() - offset
    seen.response_ns = {sock.port: sock.correct_response_ns() for sock in sockets}
    try:
        seen.packed = trace.packed()
    except OverflowError as error:
        seen.overflow = str(error)
    generator.drain_in_flight(perf_ns() + int(_LEAVE_SECONDS * SECOND))
    _count_missing(missing, late, active, seen)
    seen.unserved = sum(not client.served for client in active) + plan.active - len(active)
    return seen


def _send_requests(plan: TimelinePlan, generator: Generator, seen: ClientTrace) -> tuple[int, bool]:
    """Let the clients send requests; return how many replies were missing at the end, and whether time ran out."""
    generator.until_answered(WARMUP, plan.deadline, _WARMUP_SECONDS)
    seen.warmup = len(generator.response_ns)
    began = time.monotonic()
    generator.until_answered(seen.warmup + plan.requests, plan.deadline, plan.seconds)
    late = time.monotonic() - began >= plan.seconds
    return seen.warmup + plan.requests - len(generator.response_ns), late


def _count_missing(missing: int, late: bool, active: list[Client], seen: ClientTrace) -> None:
    """Count what cut a run short, so that it does not look like a complete one."""
    waiting = sum(bool(client.payload) for client in active)
    if missing > 0 and late:
        seen.errors["not sent, the time was up"] = missing
    elif missing > 0 and waiting:
        seen.errors["no reply by the deadline"] = waiting


def _stamp(client: Client, size: int, trace: Trace) -> "StampedSocket":
    """Make a client send and receive through a traced socket from now on."""
    ask_for_stamps(client.sock)
    stamped = StampedSocket(client.sock, size, trace)
    client.send, client.recv = cast(Any, stamped.send), cast(Any, stamped.recv)
    return stamped


class StampedSocket:
    """The client's socket; it records each `send` and `recv` on the kernel's stamp clock and on a monotonic one."""

    def __init__(self, sock: socket.socket, size: int, trace: Trace) -> None:
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        self._size = size
        self._note = functools.partial(trace.note, self.port)
        self._response_ns = array("q")
        self._began = self._left = 0

    def correct_response_ns(self) -> "array[int]":
        """The response times of the requests with a correct reply: after a wrong one the client is closed at once."""
        wrong = self._sock.fileno() < 0 and not self._left
        return self._response_ns[:-1] if wrong else self._response_ns[:]

    def send(self, data: Any) -> int:
        """As socket.send."""
        begin, monotonic = realtime_ns(), time.perf_counter_ns()
        if not self._left:  # before the call: even if it fails, a new request has begun
            self._left, self._began = self._size, monotonic
        size = self._sock.send(data)
        self._note(SEND, 0, begin, realtime_ns(), 0, size)
        return size

    def recv(self, most: int) -> bytes:
        """As socket.recv."""
        begin = realtime_ns()
        data, ancillary, _, _ = self._sock.recvmsg(most, ANCILLARY_BYTES)
        end, monotonic = realtime_ns(), time.perf_counter_ns()
        self._left -= len(data)
        if not self._left:
            self._response_ns.append(monotonic - self._began)
        self._note(RECV, 0, begin, end, stamp_in(ancillary), len(data))
        return data
