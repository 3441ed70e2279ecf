"""The benchmark that holds measured waits against queueing theory; `python -m tests.benchmarks` runs it.

The server is epoll's, one thread, and its handler computes for 200 µs. With Poisson arrivals that is an M/D/1 queue:
a request waits for ρS / 2(1 - ρ) on average. What a request costs besides is accounted for in two ways:

- `S` is not the nominal time but the measured one: the server's processor time for a request while it is never idle,
  just before, in an open loop at the nominal rate, which is a little too much for it. It has the calls, the loop and
  the Python in it. (A closed loop would measure too long a time: its generator sleeps, and the server wakes it.)
- The wait is the mean response time less that of the requests which find the server idle: that is what it takes to
  send, to be woken for, to serve and to answer one. The plan says which these are, by Lindley's recursion; replies come
  in its order. That a request pays for the waking of another hardly matters, since each pays for it once: Welch, 1964.
- A server that has slept for longer is woken more slowly. So even arrivals, which all find it idle for the same time,
  are compared with those of the crowd that find it idle for about as long.

Each plan is drawn anew, and chance is part of a mean over some thousand requests that wait for one another. So the
wait is also compared with that of the very plan, by the same recursion. Every plan and all service times have a stream
of their own (numpy's SeedSequence), all of one seed: new for each run of the benchmark, unless IOMUX_SEED is set to
one that was printed.
"""

import math
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tqdm.auto import tqdm

import iomux
from iomux.harness.load.queueing import mean_wait_us, work_found_us
from iomux.servers.connection import Handler
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Bound, Figure, Line, between

if TYPE_CHECKING:
    import numpy.typing as npt

SERVICE_US = 200
CLIENTS = 100
SECONDS = 1.0
PATIENCE = 10.0
"""Seconds for the last replies: a busy machine needs them, and without every reply a plan says nothing of its run."""
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


def exponential(draws: np.random.Generator) -> Handler:
    """Times from an exponential distribution with that mean: M/M/1."""
    return computes(lambda: draws.exponential(SERVICE_US))


def theory(rounds: int) -> Iterator[Line]:
    """A server that computes for 200 µs: the mean wait of Poisson arrivals against Pollaczek and Khinchine."""
    seed = int(os.environ.get("IOMUX_SEED") or secrets.randbelow(1 << 32))
    yield f"plans and service times are drawn from seed {seed}: IOMUX_SEED={seed} draws them again"
    seen: dict[str, list[float]] = defaultdict(list)
    runs = Runs(rounds * (len(SHARES) + 3))
    for sequence in tqdm(np.random.SeedSequence(seed).spawn(rounds), leave=False):
        for what, value in _round(sequence, runs):
            seen[what].append(value)
    for what, values in seen.items():
        yield Figure(what, values, "times" if "/" in what.partition(":")[2] else "µs", BOUNDS.get(what))
    yield from runs.doubts()


METRONOMES = f"even arrivals, ρ = {METRONOME:g}: mean wait / M/D/1's"


def _name(share: float, law: str = "M/D/1") -> str:
    return f"{law}, ρ = {share:g}: mean wait / theory"


BOUNDS = {_name(share): bound for share, bound in SHARES.items()} | {
    _name(EXPONENTIAL, "M/M/1"): WITHIN_15,
    METRONOMES: between(-0.1, 0.1),
}


class _Crowd(NamedTuple):
    """A run of Poisson arrivals, and what its plan predicts; times in microseconds."""

    mean: float
    response: "npt.NDArray[np.float64]"
    found: "npt.NDArray[np.float64]"
    """The work that each request finds; less than 0 is for how long the server has been idle."""

    def alone(self, least: float = IDLE_US, most: float = math.inf) -> float:
        """The mean response time of those that find the server idle, for at least and at most so long."""
        return float(self.response[(-self.found >= least) & (-self.found <= most)].mean())

    @property
    def wait(self) -> float:
        """The mean response time, less that of those that find the server idle."""
        return self.mean - self.alone()

    @property
    def planned(self) -> float:
        """The mean wait that the plan itself has, for a constant service time."""
        return float(self.found.clip(0).mean())


def metronome_wait(mean: float, crowd: _Crowd, idle: float) -> float:
    """The mean wait of even arrivals: their mean response time, less that of a crowd's that find it idle as long."""
    return mean - crowd.alone(idle / 2, 3 * idle / 2)


def streams(sequence: np.random.SeedSequence, plans: int) -> tuple[list[int], np.random.Generator]:
    """Seeds for some plans, and a generator for service times, all independent."""
    *of_plans, of_service = sequence.spawn(plans + 1)
    return [int(one.generate_state(1)[0]) for one in of_plans], np.random.default_rng(of_service)


def _crowd(server: iomux.Server, share: float, service: float, seed: int, runs: Runs) -> _Crowd:
    plan = partial(iomux.load, duration=SECONDS, warmup=0, rate=1e6 * share / service, seed=seed, deadline=PATIENCE)
    run = runs.of(f"Poisson, ρ = {share:g}", partial(plan, server, CLIENTS))
    return _Crowd(run.mean_us, run.response_ns / 1000, work_found_us(run, service, SECONDS))


def _round(sequence: np.random.SeedSequence, runs: Runs) -> Iterator[tuple[str, float]]:
    """What one round measures, by name: times in microseconds, and ratios."""
    seeds, draws = streams(sequence, len(SHARES) + 1)
    with iomux.start("epoll", handler=constant()) as server:
        full = partial(iomux.load, server, CLIENTS, duration=SECONDS / 2, rate=1e6 / SERVICE_US, arrivals="even")
        service = runs.of("never idle", full).cpu_us_per_request or float("nan")
        yield "M/D/1: service time", service
        crowds = {share: _crowd(server, share, service, seed, runs) for share, seed in zip(SHARES, seeds, strict=False)}
        rate = 1e6 * METRONOME / service
        evenly = partial(iomux.load, server, CLIENTS, duration=SECONDS, rate=rate, arrivals="even")
        even = runs.of("even arrivals", evenly).mean_us
    for share, crowd in crowds.items():
        yield f"M/D/1, ρ = {share:g}: mean wait", crowd.wait
        yield _name(share), crowd.wait / mean_wait_us(share, service)
        yield f"M/D/1, ρ = {share:g}: mean wait / this plan's", crowd.wait / crowd.planned
    idle = 1e6 / rate - service
    yield METRONOMES, metronome_wait(even, crowds[METRONOME], idle) / mean_wait_us(METRONOME, service)
    yield from _exponential(service, crowds[EXPONENTIAL].alone(), seeds[-1], draws, runs)


def _exponential(
    service: float, alone: float, seed: int, draws: np.random.Generator, runs: Runs
) -> Iterator[tuple[str, float]]:
    """M/M/1. alone: the response time of a request that finds the server idle, on average the same here."""
    with iomux.start("epoll", handler=exponential(draws)) as server:
        rate = 1e6 * EXPONENTIAL / service
        run = runs.of("M/M/1", partial(iomux.load, server, CLIENTS, duration=SECONDS, rate=rate, seed=seed))
    wait, variation = run.mean_us - alone, SERVICE_US / service  # what is fixed does not vary
    yield f"M/M/1, ρ = {EXPONENTIAL:g}: mean wait", wait
    yield _name(EXPONENTIAL, "M/M/1"), wait / mean_wait_us(EXPONENTIAL, service, variation)
