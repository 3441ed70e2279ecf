"""Worlds for 09, asynchronous I/O: rings that behave otherwise, servers that call recv after all, lost deadlines."""

import contextlib
import errno
import socket
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pandas as pd

import iomux
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import lend
from tests.course.falsifiers.world import World, sources

PAGE = "09_asynchronous_io.ipynb"
QUEUED = "queueing an entry moves only our tail"
TAKEN = "one system call submits two entries and completes both"
FIRST = "the first completion carries our first number"
EARLY = "before the bytes come, nothing is complete"
COMPLETE = "after the bytes have come, five bytes are complete"
IN_MEMORY = "completed bytes are already in our memory"
CANNOT = "without the right to call recv, epoll's server cannot answer"
CAN = "without the right to call recv, io_uring's server answers all the same"
FETCHES, NOTHING = "epoll's server fetches the bytes itself", "io_uring's server has nothing to fetch"
RETRIES = "nonblocking retries and does not sleep"
BOTH_FETCH = "blocking and epoll fetch the bytes themselves"
ALL_DONE = "asynchronous I/O has nothing to fetch"
EIGHT = "two hundred messages of a hundred clients came through eight buffers, and none was mixed up"
ENTRIES = "a hundred entries were enough for two hundred messages"
OVER = "without a buffer the entry is over: it completes with ENOBUFS, and without more"
WAITED = "the ninth message has waited in the kernel, and comes with a new entry"
CANCELLED = "when its time is up, the receive of a silent client is cancelled"
IN_TIME = "when the client speaks in time, its bytes come and the deadline is cancelled"
CACHED = "read as usual, the file's bytes are in the kernel's cache afterwards"
STRAIGHT = "read with O_DIRECT, they are in our memory, and the kernel's cache has none of them"
URING = ("io_uring", "seccomp")


def ring_by_hand(
    queued: tuple[int, ...] = (0, 2, 0, 0), submitted: tuple[int, ...] = (2, 2, 0, 2), first: int = 7
) -> dict[str, Any]:
    """The four counters after two entries were queued, and submitted; the number of the first completion."""
    names = "sq_head", "sq_tail", "cq_head", "cq_tail"
    log = {"two queued": dict(zip(names, queued, strict=True)), "submitted": dict(zip(names, submitted, strict=True))}
    return {"log": log, "answers": [(first, 0)], "usable": []}


def greeting(early: Any = (), size: int = 5, memory: bytes = b"hello") -> dict[str, Any]:
    """A receive that is submitted before its bytes come."""
    closed = SimpleNamespace(close=lambda: None)
    ring = SimpleNamespace(wait=lambda: [("greeting", size, False)])
    return {"early": list(early), "ring": ring, "buffer": memory, "usable": [], "near": closed, "far": closed}


def answering(forbid: Callable[..., None], instead: str = "") -> dict[str, Any]:
    """The page's try with real servers; `instead` is started in io_uring's place."""
    space: dict[str, Any] = {"iomux": iomux, "socket": socket}
    exec(sources(PAGE)["forbidden"], space)
    exec(sources(PAGE)["forbidden-run"], space)
    space["forbid"] = forbid

    def answers(name: str) -> bool:
        return bool(space["answers"](instead if instead and name == "io_uring" else name))

    return {"answers": answers, "both": ["epoll", "io_uring"], "models": ["epoll", "io_uring"]}


def forbid_nothing(*_: Any) -> None:
    """A filter that lets every call pass."""


def forbid_really(*numbers: Any) -> None:
    """The filter as it is; by value, because it runs in the server's process."""
    from iomux.system.confine import forbid

    forbid(*numbers)


def four_kinds(retries: float = 19, **answered: bool) -> dict[str, Any]:
    """Which of the four kinds answer without recv, and how often each looks for clients in vain."""
    kinds = ["blocking", "nonblocking", "epoll", "io_uring"]
    got = {"blocking": False, "epoll": False, "io_uring": True} | answered
    alone = pd.DataFrame({"server": kinds, "notify_us": 1.0})
    return {"got": got, "both": kinds[2:], "alone": alone, "in_vain": {"nonblocking": retries, "epoll": 0.0}}


def messages(mixed_up: bool = False, entries: int = 100) -> dict[str, Any]:
    """Two messages of each of a hundred clients, as they came, and how many entries were written."""
    came = [(client, b"message %d of client %d" % (turn, client), True) for turn in (0, 1) for client in range(100)]
    if mixed_up:
        came[3], came[4] = (3, came[4][1], True), (4, came[3][1], True)
    return {"came": came, "goes_on": True, "ring": SimpleNamespace(nop=lambda: entries + 1)}


def nine(last: tuple[int, bool] = (-errno.ENOBUFS, False), then: bytes = b"a message") -> dict[str, Any]:
    """Nine messages for eight buffers: how the ninth completes, and what comes with a new entry."""
    buffers = SimpleNamespace(take=lambda at, size: then)
    return {"outcomes": [(9, True)] * 8 + [last], "goes_on": False, "buffers": buffers, "at": 0, "size": 9}


def outcome(seconds: float, data: bytes) -> dict[str, int]:
    """The page's `outcome` with two entries that are not linked: a real ring, and its first completion only."""
    near, far = socket.socketpair()
    with near, far, contextlib.closing(Ring(4)) as ring:
        ring.recv(near.fileno(), lend(bytearray(100)), "receive")
        ring.timeout(seconds, "deadline")
        ring.submit()
        far.send(data)
        return {token: result for token, result, _ in ring.wait()}


def deadlines() -> dict[str, Any]:
    return {"outcome": outcome, "usable": ["io_uring"], "goes_on": False, "pairs": []}


def device(usual: bool = True, direct: bool = False) -> dict[str, Any]:
    """Whether the file is in the kernel's cache after each of two reads, both with the right bytes."""
    return {"usual": (True, usual, 5.0), "direct": (True, direct, 3.0), "on_disk": True}


def by_hand(name: str, answers: dict[str, bool], **other: Any) -> World:
    return World(name, "a0630b46", answers, partial(ring_by_hand, **other))


def bytes_are_in(name: str, answers: dict[str, bool], **other: Any) -> World:
    return World(name, "b1bccd8c", answers, partial(greeting, **other))


WORLDS = (
    by_hand("who queues enters the kernel", {QUEUED: False, TAKEN: True}, queued=(2, 2, 0, 2)),
    by_hand("a call takes one entry", {TAKEN: False, QUEUED: True}, submitted=(1, 2, 0, 1)),
    by_hand("a nop is not over at once", {TAKEN: False, QUEUED: True}, submitted=(2, 2, 0, 0)),
    by_hand("the last entry completes first", {FIRST: False, TAKEN: True}, first=8),
    bytes_are_in("it completes at once, like EAGAIN", {EARLY: False}, early=[("greeting", -errno.EAGAIN, False)]),
    bytes_are_in("only readiness is reported", {COMPLETE: False, EARLY: True}, size=1),
    bytes_are_in("who is notified has to fetch", {IN_MEMORY: False, COMPLETE: True}, memory=bytes(5)),
    World(
        "nothing is forbidden",
        "forbidden-verdict",
        {CANNOT: False, CAN: True},
        partial(answering, forbid_nothing),
        needs=("epoll", *URING),
    ),
    World(
        "the other server calls recv, too",
        "forbidden-verdict",
        {CANNOT: True, CAN: False},
        partial(answering, forbid_really, instead="epoll"),
        needs=("epoll", *URING),
    ),
    World("epoll brings the bytes", "claim-09-10", {FETCHES: False, NOTHING: True}, partial(four_kinds, epoll=True)),
    World("the ring calls recv", "claim-09-10", {FETCHES: True, NOTHING: False}, partial(four_kinds, io_uring=False)),
    World("nobody retries", "claim-09-2", {RETRIES: False, BOTH_FETCH: True, ALL_DONE: True}, partial(four_kinds, 0)),
    World("blocking does not fetch", "claim-09-2", {BOTH_FETCH: False}, partial(four_kinds, blocking=True)),
    World("epoll does not fetch", "claim-09-2", {BOTH_FETCH: False}, partial(four_kinds, epoll=True)),
    World("io_uring fetches", "claim-09-2", {ALL_DONE: False, RETRIES: True}, partial(four_kinds, io_uring=False)),
    World("two share a buffer", "goes-on-verdict", {EIGHT: False, ENTRIES: True}, partial(messages, mixed_up=True)),
    World("an entry for each", "goes-on-verdict", {EIGHT: True, ENTRIES: False}, partial(messages, entries=200)),
    World("the kernel takes more memory", "no-buffer-verdict", {OVER: False}, partial(nine, last=(9, True))),
    World("the entry goes on", "no-buffer-verdict", {OVER: False}, partial(nine, last=(-errno.ENOBUFS, True))),
    World("the ninth is lost", "no-buffer-verdict", {OVER: True, WAITED: False}, partial(nine, then=b"the tenth")),
    World(
        "the two are not linked",
        "deadline-verdict",
        {CANCELLED: False, IN_TIME: False},
        deadlines,
        needs=("io_uring",),
    ),
    World("a read leaves no trace", "device-verdict", {CACHED: False, STRAIGHT: True}, partial(device, usual=False)),
    World("the flag is ignored", "device-verdict", {CACHED: True, STRAIGHT: False}, partial(device, direct=True)),
)
