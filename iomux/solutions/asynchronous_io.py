"""Solutions of 09: more entries than a ring has room for, calls per request, small transfers, a few buffers for many.

The hand-made ring is taken from the notebook's cells. Cost: three rings of four entries; one traced server for each
number of clients; two rounds of 512 small transfers; fifty pairs of sockets.
"""

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import iomux
from iomux.course import notebook as pages
from iomux.system.io_uring import Ring
from iomux.system.io_uring_buffers import Buffers

if TYPE_CHECKING:
    import pandas as pd

PAGE = pages.FOLDER / "09_asynchronous_io.ipynb"
SLOTS = 4
ENTER = 426
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_COUNTERS = {"sq_head": 10, "sq_tail": 11, "cq_head": 20, "cq_tail": 21}
_from_the_page: dict[str, Any] = {
    "ctypes": ctypes,
    "mmap": mmap,
    "struct": struct,
    "syscall": _syscall,
    "SETUP": 425,
    "SLOTS": SLOTS,
    "WHERE": _COUNTERS,
}


class Seen(NamedTuple):
    """The result of one ring of four entries."""

    taken: list[int]
    """The number of entries that each call reported as taken."""
    counters: dict[str, int]
    numbers: list[int]
    """The numbers of the completed entries, in order."""


def exercise_1() -> dict[str, Seen]:
    """A ring with room for four gets three nops, then five, then five that are queued with care."""
    pages.define(PAGE, "new_ring", "counter", "queue_nop", "reap", within=_from_the_page)
    plain = _from_the_page["queue_nop"]
    return {"three": _try(3, plain), "five": _try(5, plain), "five with care": _try(5, _carefully)}


def _try(count: int, queue: Callable[[Any, int], int | None]) -> Seen:
    ring = _from_the_page["new_ring"]()
    try:
        early = [queue(ring, number) for number in range(count)]
        taken = [took for took in [*early, _enter(ring)] if took is not None]
        counters = {name: _count(ring, name) for name in _COUNTERS}
        numbers = [_from_the_page["reap"](ring)[0] for _ in range(counters["cq_tail"])]
    finally:
        os.close(ring[0])
    return Seen(taken, counters, numbers)


def _count(ring: Any, name: str) -> int:
    return int(_from_the_page["counter"](ring, name).value)


def _enter(ring: Any) -> int:
    return int(_syscall(ENTER, ring[0], _count(ring, "sq_tail") - _count(ring, "sq_head"), 0, 0, None, 0))


def _carefully(ring: Any, number: int) -> int | None:
    """Queue a nop; if the ring is full, submit the queued entries first, and return how many were taken."""
    full = _count(ring, "sq_tail") - _count(ring, "sq_head") == SLOTS
    took = _enter(ring) if full else None
    _from_the_page["queue_nop"](ring, number)
    return took


def exercise_2(clients: Sequence[int] = (1, 4)) -> dict[int, float]:
    """System calls per request of the io_uring server, by the number of clients that send at once."""
    return {count: _calls_per_request(count) for count in clients}


def _calls_per_request(count: int) -> float:
    frame = iomux.timeline("io_uring", connections=count, active=count, requests=150)
    return float(sum(frame.attrs["syscalls_per_request"].values()))


def exercise_3() -> "pd.DataFrame":
    """A row for each way: medians in ms of 512 transfers of 4 KiB, and the system calls that they took."""
    found = iomux.who_copies(size=4096, count=512, repeats=1, progress=False)
    return found.frame.groupby("way", sort=False)[["wall_ms", "calls_ms", "helpers_ms", "syscalls"]].median()


def exercise_4(clients: int = 50, size: int = 1000) -> "tuple[list[bytes], list[bytes], int]":
    """What each client sent, what was collected from it through four buffers, and how often none was left."""
    sent = [os.urandom(size) for _ in range(clients)]
    with contextlib.ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(clients)]
        ring = stack.enter_context(contextlib.closing(Ring(2 * clients)))
        for (near, far), data in zip(pairs, sent, strict=True):
            stack.enter_context(near), stack.enter_context(far)
            far.sendall(data)
            far.shutdown(socket.SHUT_WR)
        collected, none_left = _collect(ring, [near.fileno() for near, _ in pairs])
        ring.close()  # before its descriptors are
    return sent, collected, none_left


def _collect(ring: Ring, descriptors: list[int]) -> tuple[list[bytes], int]:
    buffers, none_left = Buffers(ring, count=4, size=100), 0
    collected = [b""] * len(descriptors)
    waiting, over = list(range(len(descriptors))), 0
    while over < len(descriptors):
        for client in waiting:  # all buffers of the last round have been given back
            buffers.recv(descriptors[client], client)
        waiting = []
        for token, result, more in ring.wait():
            if result > 0:
                (client, at) = token
                collected[client] += buffers.take(at, result)
            else:
                client, ended = token, result != -errno.ENOBUFS
                over, none_left = over + ended, none_left + (not ended)
            if not more and result != 0:
                waiting.append(client)
    return collected, none_left
