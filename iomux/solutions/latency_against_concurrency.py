"""Notebook 07: poll's growth past 1,000, threads among silent neighbours, the edge of overload, a repaired measurement.

Cost: each opens its connections and loads a server for some tenths of a second; the first needs 10,000 connections.
"""

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import iomux

if TYPE_CHECKING:
    import pandas as pd

STALL_SECONDS = 0.5
RATE = 500
CLIENTS = 10
LATE_NS = 50_000_000


def exercise_1() -> float:
    """How many times longer poll's median latency is among 10,000 connections than among 1,000."""
    frame = iomux.sweep(["poll"], [1_000, 10_000], active=1, repeats=1, duration=0.1, warmup=0.05, progress=False)
    few, many = frame.set_index("connections")["p50_us"].loc[[1_000, 10_000]]
    return float(many / few)


def exercise_2() -> "pd.Series[float]":
    """By server: how many times longer the median latency of one who asks is among 1,000 connections than alone."""
    # The warm-up is long, because a server takes its time to start 1,000 threads.
    frame = iomux.sweep(["threaded", "poll"], [1, 1_000], 1, repeats=1, duration=0.1, warmup=0.5, progress=False)
    median = frame.pivot_table("p50_us", "server", "connections")
    return median[1_000] / median[1]


def exercise_3() -> "pd.DataFrame":
    """A row a rate, a column a duration in seconds: the median latency in ms of a server that sleeps 2 ms a request."""
    import pandas as pd

    found: dict[float, dict[float, float]] = {}
    with iomux.start("poll", handler=_slowly) as server:
        for seconds in (0.3, 0.6):
            runs = {rate: iomux.load(server, CLIENTS, None, 64, seconds, 0, rate, 10) for rate in (200, 1_000)}
            found[seconds] = {rate: run.p50_us / 1000 for rate, run in runs.items()}
    return pd.DataFrame(found).rename_axis(index="rate", columns="seconds")


def _slowly(data: bytes) -> bytes:
    time.sleep(0.002)
    return data


def exercise_4() -> dict[str, int]:
    """Of one stalled run: how many requests were late by actual times, by planned ones, and by repaired actual ones."""
    with iomux.start("poll") as server:
        for second, what in ((0.2, signal.SIGSTOP), (0.2 + STALL_SECONDS, signal.SIGCONT)):
            threading.Timer(second, os.kill, (server.pid, what)).start()
        run = iomux.load(server, CLIENTS, duration=0.4 + STALL_SECONDS, warmup=0, rate=RATE, deadline=5)
    service, response = [int(time) for time in run.service_ns], [int(time) for time in run.response_ns]
    counted = {"actual": service, "planned": response, "repaired": repaired(service, CLIENTS * 1_000_000_000 // RATE)}
    return {name: sum(time > LATE_NS for time in times) for name, times in counted.items()}


def repaired(service_ns: list[int], interval_ns: int) -> list[int]:
    """The service times, and those of the requests that each long one kept from being sent.

    interval_ns: how often a connection was to ask. Whoever waited for 100 ms and was to ask every 20 has left out
    requests that would have waited for 80, 60, 40 and 20: HdrHistogram, recordValueWithExpectedInterval.
    """
    return [left for time in service_ns for left in range(time, 0, -interval_ns)]
