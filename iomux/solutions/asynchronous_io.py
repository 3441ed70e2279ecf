"""Solutions of 09: more entries than a ring has room for, calls per request by active clients, small transfers.

The hand-made ring is taken from the notebook's cells. Cost: three rings of four entries; one traced server for each
number of clients; two rounds of 512 small transfers.
"""

import ctypes
import mmap
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import iomux
from iomux.course import notebook as pages

if TYPE_CHECKING:
    import pandas as pd

PAGE = Path(__file__).parents[2] / "notebooks" / "09_asynchronous_io.ipynb"
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
