"""The benchmark that holds measured waits against queueing theory; `python -m tests.benchmarks` runs it.

The server is epoll's, one thread, and its handler computes for 200 µs. With Poisson arrivals that is an M/D/1 queue:
a request waits for ρS / 2(1 - ρ) on average. What a request costs besides is accounted for in two ways:

- `S` is not the nominal time but the measured one: the server's processor time for a request while it is never idle,
  just before, in an open loop at the nominal rate, which is a little too much for it. It has the calls, the loop and
  the Python in it. (A closed loop would measure too long a time: its generator sleeps, and the server wakes it.)
- The wait is the mean response time less that of the requests which find the server idle: that is what it takes to
  send, to be woken for, to serve and to answer one. The plan says which these are, by Lindley's recursion; replies come
  in its order. (Even arrivals are no such control: a server that has slept for longer is woken more slowly. That a
  request pays for the waking of another hardly matters, since each pays for it once: Welch, 1964.)

Each plan is drawn anew, and chance is part of a mean over some thousand requests that wait for one another. So the
wait is also compared with that of the very plan, by the same recursion.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from tqdm.auto import trange

import iomux
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.queueing import mean_wait_us, work_left_ns
from iomux.servers.connection import Handler
from tests.benchmarks.show import Bound, Figure, Line, between

SERVICE_US = 200
CLIENTS = 100
SECONDS = 1.0
IDLE_US = 20
"""A request finds the server idle if it has been for at least as long by the plan: its service time is not exact."""
WITHIN_15 = between(0.85, 1.15)
SHARES: dict[float, Bound | None] = {0.3: WITHIN_15, 0.5: WITHIN_15, 0.7: WITHIN_15, 0.9: None}
"""The utilisations, and the bound of measured ÷ theory."""
METRONOME, EXPONENTIAL = 0.7, 0.5
"""The utilisations at which even arrivals have a bound, and at which exponential service times are measured."""


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
    METRONOMES: between(-0.1, 0.1),
}


class _Waits(NamedTuple):
    """Means over the requests of one run, in microseconds."""

    alone: float
    """The response time of those that find the server idle."""
    wait: float
    """The response time of all, less that."""
    planned: float
    """The wait that the plan itself has, for a constant service time."""


def _waits(server: iomux.Server, share: float, service: float, seed: int) -> _Waits:
    run = iomux.load(server, CLIENTS, duration=SECONDS, warmup=0, rate=1e6 * share / service, seed=seed)
    left = work_left_ns(planned_ns(1e6 * share / service, SECONDS, "poisson", Random(seed)), 1000 * service) / 1000
    if run.errors:
        raise RuntimeError(f"requests were lost, and no reply can be assigned to its plan: {run.errors}")
    alone = float(run.response_ns[left < -IDLE_US].mean()) / 1000
    return _Waits(alone, run.mean_us - alone, float(left.clip(0).mean()))


def _round(number: int) -> Iterator[tuple[str, float]]:
    """What one round measures, by name: times in microseconds, and ratios."""
    with iomux.start("epoll", handler=constant()) as server:
        busy = iomux.load(server, CLIENTS, duration=SECONDS / 2, rate=1e6 / SERVICE_US, arrivals="even")
        service = busy.cpu_us_per_request or float("nan")
        yield "M/D/1: service time", service
        poisson = {share: _waits(server, share, service, number) for share in SHARES}
        even = [
            iomux.load(server, CLIENTS, duration=SECONDS, rate=1e6 * share / service, arrivals="even").mean_us
            for share in (min(SHARES), METRONOME)
        ]
    for share, found in poisson.items():
        yield f"M/D/1, ρ = {share:g}: mean wait", found.wait
        yield _name(share), found.wait / mean_wait_us(share, service)
        yield f"M/D/1, ρ = {share:g}: mean wait / this plan's", found.wait / found.planned
    yield METRONOMES, (even[1] - even[0]) / mean_wait_us(METRONOME, service)
    with iomux.start("epoll", handler=exponential(number)) as server:
        run = iomux.load(server, CLIENTS, duration=SECONDS, rate=1e6 * EXPONENTIAL / service, seed=number)
        wait = run.mean_us - poisson[EXPONENTIAL].alone  # on average it is the same for one that finds the server idle
        variation = SERVICE_US / service  # what is fixed does not vary
        yield f"M/M/1, ρ = {EXPONENTIAL:g}: mean wait", wait
        yield _name(EXPONENTIAL, "M/M/1"), wait / mean_wait_us(EXPONENTIAL, service, variation)
