"""Worlds for 07: every connection is active, and the circle of libevent's benchmark."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tests.course.falsifiers.pages.page_07 import serving
from tests.course.falsifiers.world import World

PAGE = "07_latency_against_concurrency.ipynb"
CLOSE = "with 1,000 active clients all median latencies are within a factor of four of each other"
LAW = "in most runs with at most 100 clients L = λ · W holds within 15 %"
SERVED, THREAD = "all 1,000 clients are served", "the server has one thread"
THIRD = "each framework, in its cheapest form, reaches a third of ours"
FAR = "with 8,192 pairs poll takes more than 1.3 times as long as epoll"
CLOSER = "with 128 pairs poll falls behind epoll by less than with 8,192 pairs"
FORMS = {"asyncio": "a BufferedProtocol", "uvloop": "a plain Protocol"}


def busy(cost_us: Mapping[str, float], law: float = 1.0) -> dict[str, Any]:
    """Servers of which a request costs this much, all clients active; law: throughput times latency, of the clients."""
    rows = [
        (name, clients, repeat, us * clients, law * 1e6 / us, 1e6 / us, "")
        for name, us in cost_us.items()
        for clients in (1, 10, 100, 1_000)
        for repeat in range(3)
    ]
    names = ["server", "connections", "repeat", "p50_us", "requests_per_s", "requests_per_cpu_s", "reason"]
    frame = pd.DataFrame(rows, columns=names).assign(size_bytes=64, rate_per_s=float("nan"), arrivals=None)
    frame = frame.assign(active=frame["connections"], mean_us=frame["p50_us"])
    return {"all_active": frame, "contenders": list(cost_us), "interface": FORMS}


def circle(poll: Mapping[int, float], epoll: Mapping[int, float]) -> dict[str, Any]:
    """Runs round the circle in microseconds, by pairs; every second one was interrupted."""
    costs = {"poll": poll, "epoll": epoll}
    rows = [(name, pairs, us * by) for name, of in costs.items() for pairs, us in of.items() for by in (1, 5)]
    return {"passed": pd.DataFrame(rows, columns=["poller", "pairs", "us"])}


ALIKE = {"poll": 5.0, "epoll": 5.0, "asyncio": 6.0, "uvloop": 5.0}
WORLDS = (
    World("asyncio maps its memory", "44fd37ab", {CLOSE: False}, lambda: busy(ALIKE | {"asyncio": 25.0})),
    World("epoll saves there, too", "44fd37ab", {CLOSE: False}, lambda: busy(ALIKE | {"epoll": 1.0})),
    World("warm-up requests are counted", "78b0d865", {LAW: False}, lambda: busy(ALIKE, law=1.2)),
    World("the wait before the send is left out", "78b0d865", {LAW: False}, lambda: busy(ALIKE, law=0.8)),
    World("a thread for each client", "claim-07-1", {SERVED: True, THREAD: False}, lambda: serving("threaded", 5)),
    World("only one is served", "claim-07-1", {SERVED: False, THREAD: True}, lambda: serving("blocking", 5)),
    World("asyncio maps its memory", "claim-07-12", {THIRD: False}, lambda: busy(ALIKE | {"asyncio": 25.0})),
    World(
        "poll is slower by the same factor in every circle",
        "3f2ec033",
        {FAR: True, CLOSER: False},
        lambda: circle({128: 2_000, 8_192: 4_000}, {128: 1_000, 8_192: 2_000}),
    ),
    World(
        "the list costs nothing",
        "3f2ec033",
        {FAR: False, CLOSER: True},
        lambda: circle({128: 1_200, 8_192: 3_600}, {128: 1_250, 8_192: 3_500}),
    ),
)
