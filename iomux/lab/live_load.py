"""A load that reports while it runs: the load generator of a live view, in a separate process.

`iomux.load` keeps every sample and reports at the end. A live view needs figures at once: twice a second the clients'
latencies become two percentiles and are dropped. So neither memory nor the pipe to the owner grows with the answers,
and an owner that is busy drawing does not delay the clients. In an open loop the times of each tick are planned at its
beginning; requests for which no client is free are kept for the next.

Cost: between two ticks a millisecond at most, in which no request is sent or planned; some 0.1 s to start the process.
"""

import gc
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from random import Random, choices
from typing import NamedTuple

from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.clients import Client, connect, inspect_silent, spread
from iomux.harness.load.generator import SECOND, Generator, perf_ns
from iomux.harness.load.percentiles import percentile
from iomux.harness.load.plan import Plan

MOST_SAMPLES = 4096
"""How many samples of a tick are sorted: 40 of them lie above 99 %. Of more they are drawn at random, for every k-th
would be always the same client's where clients are answered in turn."""


class Pulse(NamedTuple):
    """What the clients saw in one tick. Latencies in microseconds; NaN if too few requests were answered."""

    at_s: float
    """Seconds from when all were connected to the end of the tick."""
    seconds: float
    """How long the tick was."""
    requests: int
    p50_us: float
    """The median; it and the next are estimated as by `iomux.load`."""
    p99_us: float
    """The 99th percentile; NaN below 1,000 requests in the tick."""
    waiting: int
    """Active clients that have never been answered."""
    longest_wait_s: float
    """For how long the oldest request under way has waited."""
    closed: int
    """Idle connections that the server has closed; counted once, after the first tick."""
    errors: dict[str, int]
    """Active clients lost since the beginning, and connections that failed, by kind."""
    generator_cpu_share: float
    """The load generator's own processor time, as a share of a core."""


def run(plan: Plan, tick_s: float) -> Iterator[Pulse | None]:
    """Load the server for `plan.duration` seconds; yield a Pulse each `tick_s` seconds, and None at the end."""
    errors: Counter[str] = Counter()
    draws = Random(plan.seed)
    clients = connect(plan.address, plan.connections, plan.deadline, errors)
    active = spread(clients, plan.active)
    generator = Generator(active, plan.size, plan.spin, errors)
    gc.disable()  # a collection would add to a latency
    began, closed = perf_ns(), -1
    until = began + int(plan.duration * SECOND)
    tick = int(tick_s * SECOND)
    while (start := perf_ns()) < until:
        own = time.process_time()
        _exchange(generator, plan, draws, start, until if until - start < 3 * tick // 2 else start + tick)
        now = perf_ns()
        seconds = (now - start) / SECOND
        if closed < 0:
            closed = _closed_silent(clients, active)
        samples = generator.response_ns
        ordered = _some_sorted(samples)
        yield Pulse(
            (now - began) / SECOND,
            seconds,
            len(samples),
            percentile(ordered, 0.5) / 1000,
            percentile(ordered, 0.99) / 1000,
            sum(not client.served for client in active) + plan.active - len(active),
            _longest_wait_s(active, now),
            closed,
            dict(errors),
            (time.process_time() - own) / seconds,
        )
        del samples[:]
    yield None


def _exchange(generator: Generator, plan: Plan, draws: Random, begin: int, until: int) -> None:
    if plan.rate is None:
        generator.closed_loop(until)
        return
    generator.open_loop(
        begin, until, planned_ns(plan.rate, (until - begin) / SECOND, plan.arrivals or "poisson", draws)
    )
    del generator.service_ns[:], generator.late_ns[:]


def _some_sorted(samples: "array[int]") -> list[int]:
    return sorted(samples if len(samples) <= MOST_SAMPLES else choices(samples, k=MOST_SAMPLES))


def _closed_silent(clients: list[Client], active: list[Client]) -> int:
    speaking = set(map(id, active))
    lost: Counter[str] = Counter()
    inspect_silent([client for client in clients if id(client) not in speaking], lost)
    return lost.total()


def _longest_wait_s(active: list[Client], now: int) -> float:
    return max((now - client.sent_ns for client in active if client.payload), default=0) / SECOND
