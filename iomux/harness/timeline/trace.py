"""A trace: what one process's traced sockets saw, event by event, and the kernel's receive stamps.

All times are of one clock, CLOCK_REALTIME, because that is the kernel's for packets (ktime_get_real,
net/core/dev.c). An event is thirteen numbers in memory that is there beforehand: some 0.5 µs to keep one.
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
_READINGS = 20  # of a clock: the process may be taken off its core between two, hardly between all
EVENT = struct.Struct("@13q")
"""An event as it lies in memory."""


def clocks_apart() -> int:
    """How far this clock is from the steady one, in nanoseconds, where the three readings took the least time."""
    readings = [(time.perf_counter_ns(), realtime_ns(), time.perf_counter_ns()) for _ in range(_READINGS)]
    before, now, after = min(readings, key=lambda reading: reading[2] - reading[0])
    return now - (before + after) // 2


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
    entered: int = 0
    """When a call that itself waits for the bytes began to; 0 where it never waits."""


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
    """What one process saw: up to `room` events.

    The room is written to beforehand: the first write to a new page of memory is a page fault, and here that
    would be 5 µs in the middle of every twentieth request (of 104 bytes an event, two events a request).
    """

    def __init__(self, room: int) -> None:
        self.calls = [0] * len(COUNTED)
        self.ready = 0
        self._room = room
        self._events = bytearray(b"\xff") * (room * EVENT.size)
        self._next = itertools.count().__next__  # one call, so that two threads never get the same number

    def note(
        self, port: int, kind: int, ready: int, begin: int, end: int, stamp: int, size: int, entered: int = 0
    ) -> None:
        """Keep one event, with the calls so far; beyond the room it is only counted."""
        number = self._next()
        if number < self._room:
            offset = number * EVENT.size
            EVENT.pack_into(self._events, offset, port, kind, ready, begin, end, stamp, size, entered, *self.calls)

    def packed(self) -> bytes:
        """All events, to be unpacked by `events`. Raises OverflowError where there were more than it has room for."""
        if (noted := self._next()) > self._room:
            raise OverflowError(
                f"{noted:,} calls for these requests, and room for {self._room:,}: "
                "follow fewer requests, or smaller ones"
            )
        return bytes(self._events[: noted * EVENT.size])


def events(packed: bytes) -> Iterator[Event]:
    """The events that a trace has packed, in their order."""
    for numbers in EVENT.iter_unpack(packed):
        yield Event._make((*numbers[:7], numbers[8:], numbers[7]))
