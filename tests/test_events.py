"""The event loop: events in order, with descriptors, timers and threads, and faults that do not end it."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from iomux import events as events_module
from iomux.events import EventLoop
from iomux.servers import get, pollers
from iomux.servers.connection import READ, WRITE
from tests.support.counted import FEW, CountedPoller

POLLERS = [name for name in pollers.names() if get(name).available()]


@pytest.fixture(params=POLLERS)
def loop(request: pytest.FixtureRequest) -> Iterator[EventLoop]:
    """A loop over each available poller."""
    with EventLoop(*pollers.make(request.param)) as events:
        yield events


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe: for reading, for writing."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_handlers_by_kind_are_called_in_order_with_the_details(loop: EventLoop) -> None:
    seen: list[Any] = []
    loop.on("click", lambda x, y: seen.append(("first", x, y)))
    loop.on("click", lambda x, y: seen.append(("second", x, y)))
    loop.on("key_down", seen.append)
    loop.emit("click", 3, 4)
    loop.emit("key_down", "a")
    loop.emit("nobody's")
    loop.emit("click", 5, 6)
    assert seen == [], "an event waits in the queue"
    loop.run()
    assert seen == [("first", 3, 4), ("second", 3, 4), "a", ("first", 5, 6), ("second", 5, 6)]


def test_what_a_handler_emits_is_handled_after_it(loop: EventLoop) -> None:
    seen = []

    def outer() -> None:
        loop.emit("inner")
        seen.append("outer is done")

    loop.on("outer", outer)
    loop.on("inner", lambda: seen.append("inner"))
    loop.emit("outer")
    loop.run()
    assert seen == ["outer is done", "inner"]


def test_off_forgets_a_kind(loop: EventLoop) -> None:
    seen: list[str] = []
    loop.on("click", lambda: seen.append("clicked"))
    loop.off("click")
    loop.off("never known")
    loop.emit("click")
    loop.run()
    assert seen == []


def test_a_descriptor_is_a_kind_of_event(loop: EventLoop, pipe: tuple[int, int]) -> None:
    out, into = pipe
    seen = []

    def read(name: str) -> None:
        seen.append((name, os.read(out, 100)))
        loop.unwatch(out)

    loop.watch(out, READ, read, "pipe")
    loop.on("click", lambda: os.write(into, b"clicked"))
    loop.emit("click")
    loop.run()
    assert seen == [("pipe", b"clicked")]


def test_watching_again_changes_interest_and_handler(loop: EventLoop) -> None:
    near, far = socket.socketpair()
    seen = []
    with near, far:

        def writable() -> None:
            seen.append("writable")
            loop.watch(near.fileno(), READ, readable)
            far.send(b"x")

        def readable() -> None:
            seen.append("readable")
            loop.unwatch(near.fileno())

        loop.watch(near.fileno(), WRITE, writable)
        loop.run()
    assert seen == ["writable", "readable"]


def test_timers_fire_in_order_and_the_loop_sleeps_meanwhile(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    loop._poller = counted = CountedPoller(loop._poller)
    began = time.monotonic()
    # As if all were set now: on a busy machine much time may pass between one and the next.
    monkeypatch.setattr(events_module, "deadline", lambda seconds: began + seconds)
    for seconds in (0.2, 0.1, 0.15):
        loop.after(seconds, seen.append, seconds)
    loop.run()
    assert seen == [0.1, 0.15, 0.2]
    assert time.monotonic() - began >= 0.2
    assert counted.polls < FEW


def test_a_cancelled_timer_is_not_waited_for(loop: EventLoop) -> None:
    seen: list[str] = []
    long = loop.after(60, seen.append, "long")
    short = loop.after(0.01, seen.append, "short")
    loop.after(0.05, loop.off, long)
    loop.run()
    loop.off(short)
    assert seen == ["short"]


def test_a_timer_that_sets_itself_again_does_not_starve_the_others(loop: EventLoop, pipe: tuple[int, int]) -> None:
    seen = []

    def again() -> None:
        loop.after(0, again)

    def read() -> None:
        seen.append(os.read(pipe[0], 1))
        loop.stop()

    loop.watch(pipe[0], READ, read)
    os.write(pipe[1], b"x")
    again()
    loop.run()
    assert seen == [b"x"]


def test_stop_ends_run_and_run_goes_on_where_it_was(loop: EventLoop) -> None:
    seen: list[int] = []
    loop.on("stop", loop.stop)
    loop.on("number", seen.append)
    for event in (("number", 1), ("stop",), ("number", 2)):
        loop.emit(*event)
    loop.after(0.05, loop.emit, "number", 3)
    loop.run()
    assert seen == [1, 2], "what is in the queue already is handled"
    loop.run()
    assert seen == [1, 2, 3]
