"""Notebook 07: poll's growth past 1,000, threads among silent neighbours, the edge of overload, a repaired measurement.

Cost: each opens its connections and loads a server for some tenths of a second; the first needs 10,000 connections.
"""

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import psutil

import iomux

if TYPE_CHECKING:
    import pandas as pd

STALL_SECONDS = 0.5
RATE = 500
CLIENTS = 10
LATE_NS = 50_000_000


GROWING = ["p50_us", "cpu_us_per_request"]
"""The median latency, and the server's own processor time, which a busy machine hardly changes."""


def exercise_1() -> "pd.Series[float]":
    """How many times more of `GROWING` poll takes among 10,000 connections than among 1,000."""
    frame = iomux.sweep(["poll"], [1_000, 10_000], active=1, repeats=1, duration=0.1, warmup=0.05, progress=False)
    by_connections = frame.set_index("connections")[GROWING].T
    return by_connections[10_000] / by_connections[1_000]


def exercise_2() -> "pd.DataFrame":
    """By server: how many times more of `GROWING` one who asks takes among 1,000 connections than alone."""
    # The warm-up is long, because a server takes its time to start 1,000 threads.
    frame = iomux.sweep(["threaded", "poll"], [1, 1_000], 1, repeats=1, duration=0.1, warmup=0.5, progress=False)
    few, many = (frame[frame["connections"] == count].set_index("server")[GROWING] for count in (1, 1_000))
    return many / few


def exercise_3(sleep_ms: float = 2, rates: Sequence[int] = (200, 1_000)) -> "pd.DataFrame":
    """A row a rate, a column a duration, seconds: the median latency in ms of a server that sleeps at each request."""
    import pandas as pd

    found: dict[float, dict[float, float]] = {}
    with iomux.start("poll", handler=functools.partial(_slowly, sleep_ms / 1000)) as server:
        for seconds in (0.3, 0.6):
            runs = {rate: iomux.load(server, CLIENTS, None, 64, seconds, 0, rate, 10) for rate in rates}
            found[seconds] = {rate: run.p50_us / 1000 for rate, run in runs.items()}
    return pd.DataFrame(found).rename_axis(index="rate", columns="seconds")


def _slowly(seconds: float, data: bytes) -> bytes:
    time.sleep(seconds)
    return data


def exercise_4() -> dict[str, int]:
    """Of one stalled run: how many requests were late by actual times, by planned ones, and by repaired actual ones."""
    with iomux.start("poll", handler=_stalling(100)) as server:
        threading.Thread(target=_go_on, args=(server.pid,)).start()
        run = iomux.load(server, CLIENTS, duration=0.4 + STALL_SECONDS, warmup=0, rate=RATE, deadline=5)
    service, response = [int(time) for time in run.service_ns], [int(time) for time in run.response_ns]
    counted = {"actual": service, "planned": response, "repaired": repaired(service, CLIENTS * 1_000_000_000 // RATE)}
    return {name: sum(time > LATE_NS for time in times) for name, times in counted.items()}


def _stalling(number: int) -> Callable[[bytes], bytes]:
    """A handler that stops its server at so many requests: the stall lies within the run, whenever that begins."""
    asked = [0]

    def handle(data: bytes) -> bytes:
        asked[0] += 1
        if asked[0] == number:
            os.kill(os.getpid(), signal.SIGSTOP)
        return data

    return handle


def _go_on(pid: int) -> None:
    """Let a process that stops go on when it has stood still for so long."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.005)
        time.sleep(STALL_SECONDS)
        os.kill(pid, signal.SIGCONT)


def repaired(service_ns: list[int], interval_ns: int) -> list[int]:
    """The service times, and those of the requests that each long one kept from being sent.

    interval_ns: how often a connection was to ask. Whoever waited for 100 ms and was to ask every 20 has left out
    requests that would have waited for 80, 60, 40 and 20: HdrHistogram, recordValueWithExpectedInterval.
    """
    return [left for time in service_ns for left in range(time, 0, -interval_ns)]
