"""Notebook 09: more entries than there is room for, calls a request by clients at work, helpers for small transfers.

The ring made by hand is the page's own, taken out of its cells. Cost: three rings of four entries; a traced server
a number of clients; two rounds of 512 small transfers.
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
_of_the_page: dict[str, Any] = {
    "ctypes": ctypes,
    "mmap": mmap,
    "struct": struct,
    "syscall": _syscall,
    "SETUP": 425,
    "SLOTS": SLOTS,
    "WHERE": _COUNTERS,
}


class Seen(NamedTuple):
    """What one ring of four entries did."""

    taken: list[int]
    """What each call said it took."""
    counters: dict[str, int]
    numbers: list[int]
    """Those that came back, in their order."""


def exercise_1() -> dict[str, Seen]:
    """What a ring with room for four does with three nops, with five, and with five that are queued with care."""
    pages.define(PAGE, "new_ring", "counter", "queue_nop", "reap", within=_of_the_page)
    plain = _of_the_page["queue_nop"]
    return {"three": _try(3, plain), "five": _try(5, plain), "five with care": _try(5, _carefully)}


def _try(count: int, queue: Callable[[Any, int], int | None]) -> Seen:
    ring = _of_the_page["new_ring"]()
    try:
        early = [queue(ring, number) for number in range(count)]
        taken = [took for took in [*early, _enter(ring)] if took is not None]
        counters = {name: _count(ring, name) for name in _COUNTERS}
        numbers = [_of_the_page["reap"](ring)[0] for _ in range(counters["cq_tail"])]
    finally:
        os.close(ring[0])
    return Seen(taken, counters, numbers)


def _count(ring: Any, name: str) -> int:
    return int(_of_the_page["counter"](ring, name).value)


def _enter(ring: Any) -> int:
    return int(_syscall(ENTER, ring[0], _count(ring, "sq_tail") - _count(ring, "sq_head"), 0, 0, None, 0))


def _carefully(ring: Any, number: int) -> int | None:
    """Queue a nop; where there is no room, first hand over what waits, and say how many were taken."""
    full = _count(ring, "sq_tail") - _count(ring, "sq_head") == SLOTS
    took = _enter(ring) if full else None
    _of_the_page["queue_nop"](ring, number)
    return took


def exercise_2(clients: Sequence[int] = (1, 4)) -> dict[int, float]:
    """System calls a request of the io_uring server, by the number of clients that ask at once."""
    return {count: _calls_a_request(count) for count in clients}


def _calls_a_request(count: int) -> float:
    frame = iomux.timeline("io_uring", connections=count, active=count, requests=150)
    return float(sum(frame.attrs["syscalls_per_request"].values()))


def exercise_3() -> "pd.DataFrame":
    """A row a way of asking: medians in ms of 512 transfers of 4 KiB, and the calls they took."""
    found = iomux.who_copies(size=4096, count=512, repeats=1, progress=False)
    return found.frame.groupby("way", sort=False)[["wall_ms", "calls_ms", "helpers_ms", "syscalls"]].median()
