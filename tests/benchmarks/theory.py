"""The benchmark that holds measured waits against queueing theory; `python -m tests.benchmarks` runs it.

The server is epoll's, one thread, and its handler computes for 200 µs. With Poisson arrivals that is an M/D/1 queue:
a request waits for ρS / 2(1 - ρ) on average. What a request costs besides is accounted for in two ways:

- `S` is not the nominal time but the measured one: the time between two answers while the server is never idle, in a
  closed loop of a few clients, just before. It has the calls, the loop and the Python in it, and what is stolen.
- The wait is the mean response time less that of even arrivals at a third of the capacity, in the same round: there no
  request meets another, so this is what it takes to send, to be woken for, to serve and to answer one. (The server is
  woken for nearly every request either way: who finds it busy still waits for it to have been woken, Welch 1964.)

Each plan is drawn anew, and chance is part of a mean over some thousand requests that wait for one another. So the
wait is also compared with that of the very plan: the same times, through Lindley's recursion.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from tqdm.auto import trange

import iomux
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.queueing import mean_wait_us, waits
from iomux.servers.connection import Handler
from tests.benchmarks.show import Bound, Figure, Line, at_most, between

SERVICE_US = 200
CLIENTS = 100
SECONDS = 1.0
WITHIN_15 = between(0.85, 1.15)
SHARES: dict[float, Bound | None] = {0.3: WITHIN_15, 0.5: WITHIN_15, 0.7: WITHIN_15, 0.9: None}
"""The utilisations, and the bound of measured ÷ theory."""
ALONE, METRONOME, EXPONENTIAL = 0.33, 0.7, 0.5
"""The utilisations at which a request without a queue, even arrivals and exponential service times are measured."""


def computes(draw_us: Callable[[], float]) -> Handler:
    """An echo that computes for a drawn number of microseconds."""

    def handle(data: bytes) -> bytes:
        until = time.perf_counter_ns() + int(1000 * draw_us())
        while time.perf_counter_ns() < until:
            pass
        return data

    return handle


def constant() -> Handler:
    """The same time for each request: M/D/1."""
    return computes(lambda: SERVICE_US)


def exponential(seed: int) -> Handler:
    """Times from an exponential distribution with that mean: M/M/1."""
    draws = Random(seed)
    return computes(lambda: draws.expovariate(1 / SERVICE_US))


def theory(rounds: int) -> Iterator[Line]:
    """A server that computes for 200 µs: the mean wait of Poisson arrivals against Pollaczek and Khinchine."""
    seen: dict[str, list[float]] = defaultdict(list)
    for number in trange(rounds, leave=False):
        for what, value in _round(number):
            seen[what].append(value)
    for what, values in seen.items():
        yield Figure(what, values, "times" if "/" in what.partition(":")[2] else "µs", BOUNDS.get(what))


METRONOMES = f"even arrivals, ρ = {METRONOME:g}: mean wait / M/D/1's"


def _name(share: float, law: str = "M/D/1") -> str:
    return f"{law}, ρ = {share:g}: mean wait / theory"


BOUNDS = {_name(share): bound for share, bound in SHARES.items()} | {
    _name(EXPONENTIAL, "M/M/1"): WITHIN_15,
    METRONOMES: at_most(0.1),
}


def _round(number: int) -> Iterator[tuple[str, float]]:
    """What one round measures, by name: times in microseconds, and ratios."""
    with iomux.start("epoll", handler=constant()) as server:
        service = 1e6 / iomux.load(server, CLIENTS, active=4, duration=SECONDS / 2).requests_per_s
        alone = _mean(server, ALONE / service, arrivals="even")
        yield "M/D/1: service time", service
        yield "M/D/1: response to a request alone", alone
        beyond = _mean(server, METRONOME / service, arrivals="even") - alone
        yield METRONOMES, beyond / mean_wait_us(METRONOME, service)
        for share in SHARES:
            wait = _mean(server, share / service, seed=number) - alone
            plan = planned_ns(1e6 * share / service, SECONDS, "poisson", Random(number))
            yield f"M/D/1, ρ = {share:g}: mean wait", wait
            yield _name(share), wait / mean_wait_us(share, service)
            yield (
                f"M/D/1, ρ = {share:g}: mean wait / the same plan's",
                wait / (waits(plan, 1000 * service).mean() / 1000),
            )
    with iomux.start("epoll", handler=exponential(number)) as server:
        wait = _mean(server, EXPONENTIAL / service, seed=number) - alone
        variation = SERVICE_US / service  # what is fixed does not vary
        yield f"M/M/1, ρ = {EXPONENTIAL:g}: mean wait", wait
        yield _name(EXPONENTIAL, "M/M/1"), wait / mean_wait_us(EXPONENTIAL, service, variation)


def _mean(server: iomux.Server, rate_per_us: float, **arrivals: Any) -> float:
    return iomux.load(server, CLIENTS, duration=SECONDS, rate=1e6 * rate_per_us, **arrivals).mean_us
