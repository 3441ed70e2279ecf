"""A trace: the events of one process's traced sockets, with the kernel's receive stamps.

All times are of one clock, CLOCK_REALTIME, because the kernel uses it to stamp packets (ktime_get_real,
net/core/dev.c). An event is thirteen numbers in preallocated memory: recording one takes some 0.5 µs.
"""

import itertools
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

realtime_ns = time.time_ns
RECV, SEND = 0, 1
COUNTED = ("wait", "control", "recv", "send", "accept")
"""The system calls counted: the readiness call, changes of an interest list in the kernel, and the socket's own."""
WAIT, CONTROL, RECVS, SENDS, ACCEPTS = range(5)
_READINGS = 20  # of a clock: the process may lose its core between two of them, but hardly between all
EVENT = struct.Struct("@13q")
"""The memory layout of an event."""


def clock_offset_ns() -> int:
    """How far this clock is ahead of the monotonic one, in ns, from the three readings that took the least time."""
    readings = [(time.perf_counter_ns(), realtime_ns(), time.perf_counter_ns()) for _ in range(_READINGS)]
    before, now, after = min(readings, key=lambda reading: reading[2] - reading[0])
    return now - (before + after) // 2


class Event(NamedTuple):
    """One `recv` or `send` that moved bytes. Times in nanoseconds of CLOCK_REALTIME."""

    port: int
    """The client's port, by which both ends identify the connection."""
    kind: int
    ready: int
    """When the last readiness call before it returned; 0 if there was none."""
    begin: int
    end: int
    stamp: int
    """The kernel's receive stamp of the bytes; 0 if it is missing."""
    size: int
    calls: tuple[int, ...]
    """How many system calls the process had made by then, in the order of `COUNTED`."""
    entered: int = 0
    """When a blocking call began to wait for the bytes; 0 if the call never waits."""


class EventSink(Protocol):
    """What traced sockets, pollers and rings write to: a `Trace`, or the playground's `EventBuffer`."""

    calls: list[int]
    """How many system calls the process has made so far, in the order of `COUNTED`."""
    ready: int
    """When the last readiness call returned."""

    def note(
        self, port: int, kind: int, ready: int, begin: int, end: int, stamp: int, size: int, entered: int = 0
    ) -> None:
        """Keep one event, with the calls so far."""


class Trace:
    """The recorded events of one process, up to `capacity` of them.

    The memory is written beforehand: the first write to a new page is a page fault, and here that would take
    5 µs in the middle of every twentieth request (with 104 bytes an event and two events a request).
    """

    def __init__(self, capacity: int) -> None:
        self.calls = [0] * len(COUNTED)
        self.ready = 0
        self._capacity = capacity
        self._events = bytearray(b"\xff") * (capacity * EVENT.size)
        self._next = itertools.count().__next__  # a single call, so that two threads never get the same number

    def note(
        self, port: int, kind: int, ready: int, begin: int, end: int, stamp: int, size: int, entered: int = 0
    ) -> None:
        """Record one event, with the calls so far; beyond the capacity only count it."""
        number = self._next()
        if number < self._capacity:
            offset = number * EVENT.size
            EVENT.pack_into(self._events, offset, port, kind, ready, begin, end, stamp, size, entered, *self.calls)

    def packed(self) -> bytes:
        """All events, for `events` to unpack. Raises OverflowError if there were more than the capacity."""
        if (noted := self._next()) > self._capacity:
            raise OverflowError(
                f"{noted:,} calls for these requests, and room for {self._capacity:,}: "
                "follow fewer requests, or smaller ones"
            )
        return bytes(self._events[: noted * EVENT.size])


def events(packed: bytes) -> Iterator[Event]:
    """Unpack the events of a trace, in their order."""
    for numbers in EVENT.iter_unpack(packed):
        yield Event._make((*numbers[:7], numbers[8:], numbers[7]))
