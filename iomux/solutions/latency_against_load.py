"""Solutions of 07b: the wait at 90 %, the two steps of a closed loop, random service times, each wait predicted.

Cost: the last three load a server that computes, for some tenths of a second each.
"""

import itertools
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import iomux
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.queueing import mean_wait_us
from iomux.servers.connection import Handler

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SERVICE_US = 200
CLIENTS = 100


def exercise_1() -> tuple[float, float]:
    """The mean wait in µs of a crowd at 90 %, and that of the same crowd if the service takes ten per cent less."""
    return mean_wait_us(0.9, SERVICE_US), mean_wait_us(0.9 * 0.9, 0.9 * SERVICE_US)


def exercise_2(clients: int = 4) -> "npt.NDArray[np.float64]":
    """The latencies of a closed loop, in turns of the server: divided by the mean time between two answers."""
    with iomux.start(_mechanism(), handler=computes(lambda: SERVICE_US)) as server:
        run = iomux.load(server, clients, duration=0.5)
    turn_ns = run.response_ns.mean() / clients  # Little's law
    turns: npt.NDArray[np.float64] = run.response_ns / turn_ns
    return turns


def exercise_3(share: float = 0.7) -> dict[str, float]:
    """The mean latency in µs of a crowd at that utilisation, with constant and with exponential service times."""
    draws = random.Random(2)  # not the plan's seed: from the same draws a long service would follow each long gap
    handlers = {
        "constant": computes(lambda: SERVICE_US),
        "exponential": computes(lambda: draws.expovariate(1 / SERVICE_US)),
    }
    found = {}
    for name, handler in handlers.items():
        with iomux.start(_mechanism(), handler=handler) as server:
            rate = 1e6 * share / _service_us(server)
            found[name] = iomux.load(server, CLIENTS, duration=1.0, rate=rate, seed=1, deadline=10).mean_us
    return found


def exercise_4(share: float = 0.7, seconds: float = 1.0, seed: int = 1) -> float:
    """The correlation of the waits that a plan predicts, request by request, with the latencies that were measured."""
    import numpy as np

    with iomux.start(_mechanism(), handler=computes(lambda: SERVICE_US)) as server:
        service = _service_us(server)
        rate = 1e6 * share / service
        run = iomux.load(server, CLIENTS, duration=seconds, warmup=0, rate=rate, seed=seed, deadline=10)
    predicted = lindley(planned_ns(rate, seconds, "poisson", random.Random(seed)).tolist(), 1000 * service)
    return float(np.corrcoef(predicted, run.response_ns)[0, 1])


def lindley(planned: list[int], service_ns: float) -> list[float]:
    """For how long each request waits: what is left of the one before, once the gap between them has passed."""
    wait, waits = 0.0, [0.0]
    for before, now in itertools.pairwise(planned):
        wait = max(0.0, wait + service_ns - (now - before))
        waits.append(wait)
    return waits


def computes(draw_us: Callable[[], float]) -> Handler:
    """An echo that computes for a drawn number of microseconds."""

    def handle(data: bytes) -> bytes:
        done = time.perf_counter_ns() + int(1000 * draw_us())
        while time.perf_counter_ns() < done:
            pass
        return data

    return handle


def _service_us(server: iomux.Server) -> float:
    """The server's processor time for a request while it is never idle, in microseconds."""
    full = iomux.load(server, CLIENTS, duration=0.3, rate=1e6 / SERVICE_US, arrivals="even", deadline=10)
    return full.cpu_us_per_request or float("nan")


def _mechanism() -> str:
    return "epoll" if "epoll" in iomux.names() else "poll"
