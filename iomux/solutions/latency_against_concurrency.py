"""Solutions of 07: poll past 1,000 connections, threads with silent neighbours, overload, a corrected measurement.

Cost: each opens its connections and loads a server for some tenths of a second; the first needs 10,000 connections.
"""

import contextlib
import functools
import os
import signal
import statistics
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
"""The median latency, and the server's processor time, which a busy machine hardly changes."""


def exercise_1() -> "pd.Series[float]":
    """The factor by which poll needs more of each in `GROWING` with 10,000 connections than with 1,000."""
    frame = iomux.sweep(["poll"], [1_000, 10_000], active=1, repeats=1, duration=0.1, warmup=0.05, progress=False)
    by_connections = frame.set_index("connections")[GROWING].T
    return by_connections[10_000] / by_connections[1_000]


def exercise_2() -> "pd.DataFrame":
    """By server: the factor by which one active client costs more of `GROWING` among 1,000 connections than alone."""
    # The warm-up is long, because a server takes some time to start 1,000 threads.
    frame = iomux.sweep(["threaded", "poll"], [1, 1_000], 1, repeats=1, duration=0.1, warmup=0.5, progress=False)
    few, many = (frame[frame["connections"] == count].set_index("server")[GROWING] for count in (1, 1_000))
    return many / few


def exercise_3(sleep_ms: float = 2, rates: Sequence[int] = (200, 1_000)) -> "pd.DataFrame":
    """A row for each rate, a column for each duration in s: the median latency in ms of a server that sleeps."""
    import pandas as pd

    found: dict[float, dict[float, float]] = {}
    with iomux.start("poll", handler=functools.partial(_slow_echo, sleep_ms / 1000)) as server:
        for seconds in (0.3, 0.6):
            runs = {rate: iomux.load(server, CLIENTS, None, 64, seconds, 0, rate, 10, "even") for rate in rates}
            found[seconds] = {rate: run.p50_us / 1000 for rate, run in runs.items()}
    return pd.DataFrame(found).rename_axis(index="rate", columns="seconds")


def _slow_echo(seconds: float, data: bytes) -> bytes:
    time.sleep(seconds)
    return data


def exercise_4() -> "pd.DataFrame":
    """One stalled run by actual, planned, and corrected actual send times: how many are late, how many, the median."""
    import pandas as pd

    with iomux.start("poll", handler=_stalling(100)) as server:
        threading.Thread(target=_resume, args=(server.pid,)).start()
        run = iomux.load(server, CLIENTS, duration=0.4 + STALL_SECONDS, warmup=0, rate=RATE, deadline=5)
    service, each = run.service_ns.tolist(), CLIENTS * 1_000_000_000 // RATE
    corrected = {"repaired": repaired(service, each), "replaced": replaced(service, each)}
    counted = {"actual": service, "planned": run.response_ns.tolist()} | corrected
    rows = {
        name: (sum(time > LATE_NS for time in times), len(times), statistics.median(times) / 1e6)
        for name, times in counted.items()
    }
    return pd.DataFrame(rows, index=["late", "requests", "median_ms"]).T


def _stalling(number: int) -> Callable[[bytes], bytes]:
    """A handler that stops its server at request `number`: so the stall is within the run, whenever that starts."""
    requests = [0]

    def handle(data: bytes) -> bytes:
        requests[0] += 1
        if requests[0] == number:
            os.kill(os.getpid(), signal.SIGSTOP)
        return data

    return handle


def _resume(pid: int) -> None:
    """Resume a process `STALL_SECONDS` after it has stopped."""
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.005)
        time.sleep(STALL_SECONDS)
        os.kill(pid, signal.SIGCONT)


def repaired(service_ns: list[int], interval_ns: int) -> list[int]:
    """The service times, and those of the requests that were not sent because of a long one.

    interval_ns: the planned time between two requests of a connection. A wait of 100 ms, with a request planned every
    20, omits requests that would have waited for 80, 60, 40 and 20: HdrHistogram, recordValueWithExpectedInterval.
    """
    return [left for time in service_ns for left in range(time, 0, -interval_ns)]


def replaced(service_ns: list[int], interval_ns: int) -> list[int]:
    """The same, without the requests that were sent after all, after the long one: an open loop omits none.

    For each time that is added, one of the quick ones that follow is dropped.
    """
    found: list[int] = []
    added = 0
    for took in service_ns:
        if added and took < interval_ns:
            added -= 1
            continue
        times = range(took, 0, -interval_ns)
        added += len(times) - 1
        found += times
    return found
