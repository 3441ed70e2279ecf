"""Worlds for 09, asynchronous I/O, of made-up figures: system calls, who copies, and whose time it takes."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "09_asynchronous_io.ipynb"
ASYNC, SQPOLL = "io_uring IOSQE_ASYNC", "io_uring SQPOLL"
OFTEN = "with 128 active clients epoll's server makes two to three system calls per request"
RARELY = "with 128 active clients io_uring's server makes less than a fifth of epoll's system calls"
GAIN = "in the same round io_uring's server answers less than one and a half times as much as epoll's"
SERVED = "every request of this comparison was answered"
DEFAULT = "io_uring by default copies on our own thread"
SYSTEM = "with SQPOLL or IOSQE_ASYNC the application's system time is less than half the default's"
TENTH = "with SQPOLL and IOSQE_ASYNC our thread's calls take at most a tenth of the default's time"
MOVED = "on request the kernel's threads work for more than half of the time that the copy takes epoll"
EPOLL_OWN = "under epoll our own thread copies"
URING_OTHER = "under io_uring by default a kernel thread copies"
ASKED_OTHER = "under io_uring on request a kernel thread copies"
OVERLAP = "with SQPOLL more than a quarter of the transfers come in while the application computes"
NO_OVERLAP = "with epoll no transfer comes in while the application computes"
FEW_CALLS = "with SQPOLL there is less than one system call for every ten transfers"
LATE = "by default our own thread also copies bytes that come later"
TOLD = "the process is notified when the bytes are in"
FREE, WORKER_FREE = (f"{way} the copy takes none of its time" for way in ("by default", "with a kernel worker"))


def counted(epoll: float = 2.01, io_uring: float = 0.01) -> dict[str, Any]:
    """System calls a request with 128 active clients."""
    return {"calls": {"epoll": {128: epoll}, "io_uring": {128: io_uring}}, "both": ["epoll", "io_uring"]}


def compared(gain: float = 0.7, errors: int = 0, unserved: int = 0) -> dict[str, Any]:
    """io_uring's requests a second over epoll's in five rounds, with 1 and 128 clients; and what was lost."""
    index = pd.MultiIndex.from_product([[1, 128], range(5)], names=["connections", "repeat"])
    times = pd.DataFrame({"requests_per_s": [0.9] * 5 + [gain - 0.1, gain, gain, gain, gain + 0.1]}, index=index)
    frame = pd.DataFrame({"errors": [0, errors], "unserved": [0, unserved]})
    return {"times": times, "frame": frame, "both": ["epoll", "io_uring"]}


ROWS = {
    "blocking": {"calls_ms": 24.0, "system_ms": 24.0, "helpers_ms": 0.0, "meanwhile": 0, "syscalls": 48},
    "epoll": {"calls_ms": 24.0, "system_ms": 24.0, "helpers_ms": 0.0, "meanwhile": 0, "syscalls": 70},
    "io_uring": {"calls_ms": 23.0, "system_ms": 23.0, "helpers_ms": 0.0, "meanwhile": 0, "syscalls": 1},
    ASYNC: {"calls_ms": 0.2, "system_ms": 1.8, "helpers_ms": 24.0, "meanwhile": 30, "syscalls": 2},
    SQPOLL: {"calls_ms": 0.1, "system_ms": 1.2, "helpers_ms": 32.0, "meanwhile": 32, "syscalls": 1},
}
"""A round of each way, as it is; SQPOLL's thread watches for 9 ms."""


def copied(**other: dict[str, float]) -> dict[str, Any]:
    """Six rounds of each way; other: what differs, by the last word of its name."""
    rows = []
    for way, row in ROWS.items():
        watched = {"watched_ms": 9.0 if way == SQPOLL else 0.0}
        rows += [{"way": way, "round": number} | row | watched | other.get(way.split()[-1], {}) for number in range(6)]
    frame = pd.DataFrame(rows)
    middle = frame.groupby("way").median(numeric_only=True)
    here = SimpleNamespace(frame=frame, count=32)
    return {
        "here": here,
        "middle": middle,
        "own": middle["calls_ms"],
        "asked": [ASYNC, SQPOLL],
        "needs": [],
        "both": [],
    }


def came_late(by_default: float = 3.9, worker: float = 0.2, memory: bytes = b"hello") -> dict[str, Any]:
    """Milliseconds of our thread in the kernel for bytes that come later."""
    late = pd.DataFrame({"by default": [by_default] * 40, "IOSQE_ASYNC": [worker] * 40})
    return {"late": late, "plain": by_default, "worker": worker, "buffer": memory}


def calls(name: str, answers: dict[str, bool], **other: float) -> World:
    return World(name, "64894aa9", answers, partial(counted, **other))


def comparison(name: str, answers: dict[str, bool], **other: Any) -> World:
    return World(name, "dcd878d8", answers, partial(compared, **other))


def copying(name: str, cell: str, answers: dict[str, bool], *before: str, **other: dict[str, float]) -> World:
    return World(name, cell, answers, partial(copied, **other), before)


def later(name: str, cell: str, answers: dict[str, bool], **other: Any) -> World:
    return World(name, cell, answers, partial(came_late, **other))


WORK = {"calls_ms": 20.0, "system_ms": 20.0}
FREED = {"calls_ms": 0.5, "system_ms": 1.0}

WORLDS = (
    calls("epoll brings the bytes along", {OFTEN: False, RARELY: True}, epoll=1.0),
    calls("epoll polls for each client", {OFTEN: False}, epoll=4.0),
    calls("a ring enters the kernel for each entry", {OFTEN: True, RARELY: False}, io_uring=2.0),
    comparison("io_uring doubles the throughput", {GAIN: False, SERVED: True}, gain=2.0),
    comparison("a reply was wrong", {GAIN: True, SERVED: False}, errors=1),
    comparison("a client was not served", {GAIN: True, SERVED: False}, unserved=1),
    copying("a kernel thread copies by default", "0aaa74ca", {DEFAULT: False}, io_uring=FREED),
    copying("a third is copied elsewhere", "0aaa74ca", {DEFAULT: False}, io_uring={"calls_ms": 8.0}),
    copying(
        "our own thread always copies",
        "0aaa74ca",
        {DEFAULT: True, SYSTEM: False, TENTH: False},
        IOSQE_ASYNC=WORK,
        SQPOLL=WORK,
    ),
    copying(
        "a worker's copy is ours in part",
        "0aaa74ca",
        {DEFAULT: True, SYSTEM: True, TENTH: False},
        IOSQE_ASYNC={"calls_ms": 6.0},
    ),
    copying(
        "SQPOLL's thread only watches", "watching-verdict", {MOVED: False}, "watching", SQPOLL={"watched_ms": 31.0}
    ),
    copying("no worker copies", "watching-verdict", {MOVED: False}, "watching", IOSQE_ASYNC={"helpers_ms": 1.0}),
    copying(
        "epoll's copy is not ours",
        "claim-09-14",
        {EPOLL_OWN: False, ASKED_OTHER: False},
        epoll={"calls_ms": 0.2},
    ),
    copying("io_uring's copy is never ours", "claim-09-14", {EPOLL_OWN: True, URING_OTHER: True}, io_uring=FREED),
    copying(
        "nor is it a worker's on request", "claim-09-14", {URING_OTHER: False, ASKED_OTHER: False}, IOSQE_ASYNC=WORK
    ),
    copying("SQPOLL copies before we compute", "d0ac043c", {OVERLAP: False}, SQPOLL={"meanwhile": 4}),
    copying("epoll's bytes come meanwhile", "d0ac043c", {NO_OVERLAP: False, OVERLAP: True}, epoll={"meanwhile": 3}),
    copying("SQPOLL's thread has to be woken", "d0ac043c", {FEW_CALLS: False, OVERLAP: True}, SQPOLL={"syscalls": 32}),
    later("the sender's thread copies", "f955339a", {LATE: False}, by_default=0.25),
    later("the sender's thread makes the copy", "claim-09-9", {TOLD: True, FREE: True}, by_default=0.25),
    later("a worker's copy takes our time, too", "claim-09-9", {FREE: True, WORKER_FREE: False}, worker=3.5),
    later("it is called when bytes could be fetched", "claim-09-9", {TOLD: False, FREE: False}, memory=bytes(5)),
)
