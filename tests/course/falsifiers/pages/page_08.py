"""Worlds for 08, the copy: stamps that are off, calls that copy nothing, bytes that another thread fetches."""

import functools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from unittest.mock import patch

import pandas as pd

import iomux
from iomux.harness.copying.loopback import Loopback
from iomux.harness.timeline import table, timeline
from iomux.harness.timeline.trace import Event, events
from tests.course.falsifiers.world import World, sources

PAGE = "08_the_copy.ipynb"
LATE_NS = 1_000_000  # on a busy machine the way from send to stamp alone takes tens of microseconds
STAMPED = "under each server the kernel's stamps lie within the two sends that carried the bytes"
ALIKE = "up to a factor of three, request and reply take equally long from send to stamp"
WOKEN = "notifying the server and waking the client take more than twice as long as recv"


@functools.cache
def followed() -> list[tuple[Any, ...]]:
    """Real requests of two servers: what `to_frame` makes a table of."""
    kept: list[tuple[Any, ...]] = []
    real = table.to_frame

    def keeping(*arguments: Any, **more: Any) -> pd.DataFrame:
        kept.append((*arguments, more))
        return real(*arguments, **more)

    with patch.object(timeline, "to_frame", keeping):
        for name in ("nonblocking", "poll"):
            iomux.timeline(name, requests=1_000)  # over many turns of the core: one may be odd
    return kept


def falsified(request_ns: int, reply_ns: int) -> dict[str, Any]:
    """The timelines of these requests, as they would be if the kernel's stamps were late by so much."""
    frames = []
    for name, (plan, seen, served, more) in zip(("nonblocking", "poll"), followed(), strict=True):
        off = iter((request_ns, reply_ns))  # the table unpacks the server's events first

        def shifted(packed: bytes, off: Iterator[int] = off) -> Iterator[Event]:
            late = next(off)
            return (event._replace(stamp=event.stamp + late if event.stamp else 0) for event in events(packed))

        with patch.object(table, "events", shifted):
            frames.append(table.to_frame(plan, seen, served, **more).assign(server=name))
    alone = pd.concat(frames)
    return {"alone": alone, "middle": alone.groupby("server")[["notify_us", "recv_us", "client_us"]].median()}


def stamps(notify_us: float = 48) -> dict[str, Any]:
    """Requests whose stamps are right."""
    row = {"server": "poll", "request_us": 2, "request_call_us": 8, "send_us": 2, "reply_us": 0}
    middle = {"notify_us": [notify_us], "recv_us": [3.0], "client_us": [notify_us]}
    return {"alone": pd.DataFrame([row] * 20), "middle": pd.DataFrame(middle)}


def off(name: str, request_ns: int, reply_ns: int, says: dict[str, bool]) -> World:
    return World(name, "0fddc0c1", says, partial(falsified, request_ns, reply_ns), needs=("timestamps",))


def fetched_elsewhere(flags: int = 0) -> tuple[float, float]:
    """Microseconds of one fetch of a MiB that another thread makes: by the clock, and of our own thread."""
    size = 1 << 20
    link = Loopback(2 * size, memoryview(bytearray(size)))
    try:
        assert not link.hold(memoryview(bytes(size)))
        link.near.setblocking(True)
        with ThreadPoolExecutor(1) as other:
            other.submit(int).result()  # it has started
            began = time.perf_counter_ns(), time.thread_time_ns()
            other.submit(link.near.recv, size, flags | socket.MSG_WAITALL).result()
            return (time.perf_counter_ns() - began[0]) / 1000, (time.thread_time_ns() - began[1]) / 1000
    finally:
        link.close()


def parted(near: socket.socket) -> None:
    """Send a header and a body one after the other, whatever the flag says."""
    near.sendall(bytes(100))
    near.sendall(bytes(10_000))


def corked(near: socket.socket) -> None:
    """The same on a connection that waits for more before it sends a segment."""
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    parted(near)
    near.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)


def sending(name: str, way: Callable[[socket.socket], None]) -> dict[str, Any]:
    """The page's ways to send, one of them replaced, and its count of segments."""
    space: dict[str, Any] = {"socket": socket}
    for cell in ("pieces", "segments"):
        exec(sources(PAGE)[cell], space)
    return {"SENDS": space["SENDS"] | {name: way}, "segments": space["segments"]}


APART = "a header and a body that are sent one after the other are two segments"
GATHERED = "sendmsg and MSG_MORE make one segment of them, as if they had been joined"
FEWER = ["blocking", "poll"]
MAKES = "in each way our own thread makes the copy"

WORLDS = (
    off("the stamps are as they are", 0, 0, {STAMPED: True, ALIKE: True}),
    off("a request's stamp is 1 ms late", LATE_NS, 0, {STAMPED: False, ALIKE: False}),
    off("a request's stamp is 1 ms early", -LATE_NS, 0, {STAMPED: False}),
    off("a reply's stamp is 1 ms late", 0, LATE_NS, {STAMPED: False}),  # the send ends with its call at the latest
    off("a reply's stamp is 1 ms early", 0, -LATE_NS, {STAMPED: False}),
    World("both sides spin and nobody is woken", "0fddc0c1", {STAMPED: True, WOKEN: False}, partial(stamps, 1)),
    World(
        "the flag is ignored", "segments-verdict", {APART: True, GATHERED: False}, partial(sending, "MSG_MORE", parted)
    ),
    World(
        "the kernel waits for more by itself",
        "segments-verdict",
        {APART: False, GATHERED: True},
        partial(sending, "one after the other", corked),
    ),
    World(
        "another thread fetches the bytes",
        "own-verdict",
        {"our own thread works for more than half of the time that a fetch takes": False},
        lambda: {"taken": pd.DataFrame([fetched_elsewhere() for _ in range(9)])},
    ),
    World(
        "another thread makes the copy",
        "claim-08-7",
        {MAKES: False},
        lambda: {"models": FEWER, "own_us": lambda way, flags=0: fetched_elsewhere(flags)[1]},
        needs=("msg_trunc",),
    ),
    World(
        "our thread works as long, but copies nothing",
        "claim-08-7",
        {MAKES: False},
        lambda: {"models": FEWER, "own_us": lambda way, flags=0: 160.0},
    ),
)
