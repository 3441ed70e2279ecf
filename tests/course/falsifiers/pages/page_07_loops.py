"""Worlds for 07: closed and open loop, the batch, percentiles, the stall, and doubts."""

from math import nan
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "07_latency_against_concurrency.ipynb"
SHOWS = "the open loop shows the overload: its median is more than three times the closed loop's"
FEWER = "the last two clients on poll's list get fewer answers than the first two"
FEW = "the closed loop had enough requests for its 90 %, and too few for its 99 %"
NARROWER = "all requests of the long run give the median a narrower interval than every tenth of them"
HIDES = "the service time hides the overload: the median response time is over three times as long"
PLANNED = "counted from the planned send times, more than 100 requests are late"
ACTUAL = "counted from the actual send times, fewer than 50 requests are late"
SAYS = "the result says that another program used a core of the two"


def loops(closed_us: float, opened_us: float) -> dict[str, Any]:
    return {"closed": SimpleNamespace(p50_us=closed_us), "opened": SimpleNamespace(p50_us=opened_us)}


def answered(*clients: int) -> dict[str, Any]:
    """One answer for each time that a client is named."""
    return {"waits": pd.DataFrame({"client": clients}), "queued": 0.02}


def percentiles(p90_us: float = 36_000.0, p99_us: float = nan, alike: bool = False) -> dict[str, Any]:
    """What the closed loop's run knows, and the times of a long run. alike: every tenth request takes the same time."""
    times = np.arange(50_000, 60_000)
    if alike:
        times[::10] = 55_000
    closed = SimpleNamespace(p90_us=p90_us, p99_us=p99_us)
    return {"closed": closed, "whole": SimpleNamespace(response_ns=times)}


def clocks(response_ms: float, service_ms: float) -> dict[str, Any]:
    times = {"response_ns": response_ms, "service_ns": service_ms}
    return {"opened": SimpleNamespace(**{name: np.full(700, 1e6 * ms) for name, ms in times.items()})}


def late(planned: int, actual: int) -> dict[str, Any]:
    return {"late": {"planned send times": planned, "actual send times": actual}}


def doubted(*doubts: str) -> dict[str, Any]:
    return {"disturbed": SimpleNamespace(doubts=doubts)}


FAIR = [*range(10)] * 40
WORLDS = (
    World("the server can follow", "cbb3cf11", {SHOWS: False}, lambda: loops(19_000, 8_000)),
    World("the generator holds requests back", "cbb3cf11", {SHOWS: False}, lambda: loops(19_000, 19_500)),
    World("everybody has a turn", "batch-verdict", {FEWER: False}, lambda: answered(*FAIR)),
    World("the first are left out", "batch-verdict", {FEWER: False}, lambda: answered(*FAIR, *[8, 9] * 20)),
    World(
        "all percentiles are given",
        "percentiles-verdict",
        {FEW: False, NARROWER: True},
        lambda: percentiles(p99_us=4e4),
    ),
    World("90 % needs more, too", "percentiles-verdict", {FEW: False, NARROWER: True}, lambda: percentiles(p90_us=nan)),
    World(
        "fewer requests, and a narrower interval",
        "percentiles-verdict",
        {FEW: True, NARROWER: False},
        lambda: percentiles(alike=True),
    ),
    World("no request waits to be sent", "1e8315fd", {HIDES: False}, lambda: clocks(20, 20)),
    World("planned times are not kept", "e33449c5", {PLANNED: False, ACTUAL: True}, lambda: late(10, 10)),
    World("clients send on without an answer", "e33449c5", {PLANNED: True, ACTUAL: False}, lambda: late(490, 490)),
    World("nothing was read meanwhile", "doubt-verdict", {SAYS: False}, doubted),
    World("another doubt", "doubt-verdict", {SAYS: False}, lambda: doubted("the server stood still")),
)
