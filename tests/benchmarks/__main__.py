"""Repeat the measurements of docs/measured.md: `python -m tests.benchmarks NAME ... [--rounds N]`.

Each benchmark takes turns between what it compares within a round, repeats the rounds, and prints the median and its
95 % interval; with fewer than six rounds, which have none, the least and the greatest. A ratio is
taken within each round, where both were measured soon after each other.
A run that the machine disturbed is repeated, at most a quarter as many as were planned. What speaks against the others
(`LoadResult.doubts`) stands below the figure that they are part of, with how many they are.
A figure with a bound is printed with it, and whether the median meets it; the status is 1 if a bound is not met.
`all` runs every benchmark.
"""

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from tqdm.auto import trange

import iomux
from iomux.system.machine import describe
from tests.benchmarks import copying, intervals, many, network, peers, protocols, theory, timeline, together, uring
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, at_least, at_most, never_more_than, ratios, show, verdict
from tests.c.loading import c_load

MILLION = 1_000_000


def flat(rounds: int) -> Iterator[Line]:
    """One active connection: median latency alone and among 10,000, of poll and of epoll."""
    p50: dict[tuple[str, int], list[float]] = {(name, n): [] for name in ("poll", "epoll") for n in (1, 10_000)}
    runs = Runs(rounds * len(p50))
    for _ in trange(rounds, leave=False):
        for (name, connections), values in p50.items():
            with iomux.start(name) as server:
                run = partial(iomux.load, server, connections, active=1, duration=1.0)
                values.append(runs.of(f"{name}, 1 active of {connections:,}", run).p50_us)
    for (name, connections), values in p50.items():
        yield Figure(f"{name}, 1 active of {connections:,}: median latency", values, "µs")
        yield from runs.doubts(f"{name}, 1 active of {connections:,}")
    for name, bound in (("poll", at_least(60)), ("epoll", at_most(1.25))):
        yield Figure(f"{name}: among 10,000 / alone", ratios(p50[name, 10_000], p50[name, 1]), "times", bound)


def generator(rounds: int) -> Iterator[Line]:
    """The load generator against a bare C epoll client on the same epoll server."""
    for active, what, bound in ((1, "median latency", at_most(1.15)), (100, "requests a second", at_least(0.9))):
        runs = Runs(rounds)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in trange(rounds, leave=False):
            with iomux.start("epoll") as server:
                run = partial(iomux.load, server, connections=100, active=active, duration=1.0)
                result = runs.of("iomux.load", run)
                c = c_load(server, connections=100, active=active)
            ours.append(result.p50_us if active == 1 else result.requests_per_s)
            theirs.append(c.p50_us if active == 1 else c.requests_per_s)
        yield Figure(f"{active} of 100 active, iomux.load: {what}", ours)
        yield from runs.doubts()
        yield Figure(f"{active} of 100 active, C client: {what}", theirs)
        yield Figure(f"{active} of 100 active, iomux.load / C client", ratios(ours, theirs), "times", bound)


def million(rounds: int) -> Iterator[Line]:
    """A million requests through epoll and through io_uring, every byte compared; the server's memory around them."""
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for name in [name for name in iomux.names() if name in ("epoll", "io_uring")] * rounds:
        for what, value in zip(("requests", "lost", "grown"), _million(name), strict=True):
            seen[name, what].append(value)
    for name in ("epoll", "io_uring"):
        yield Figure(f"{name}: requests", seen[name, "requests"])
        yield Figure(f"{name}: lost or wrong", seen[name, "lost"], bound=never_more_than(0))
        yield Figure(f"{name}: server memory grew by", seen[name, "grown"], "KiB", at_most(48))


def _million(name: str) -> tuple[int, int, float]:
    """The number of requests, how many were lost or wrong, and the growth of the server's memory in KiB."""
    with iomux.start(name) as server:
        iomux.load(server, connections=100, duration=1.0)
        before, requests, lost = server.rss_bytes, 0, 0
        with trange(MILLION, leave=False, unit="request") as bar:
            while requests < MILLION:
                result = iomux.load(server, connections=100, duration=2.0)
                requests += result.requests
                lost += sum(result.errors.values()) + result.unserved
                bar.update(result.requests)
        return requests, lost, (server.rss_bytes - before) / 1024


BENCHMARKS: dict[str, tuple[Callable[[int], Iterable[Line]], int]] = {
    "flat": (flat, 5),
    "cpu": (peers.cpu, 15),
    "peers": (peers.peers, 15),
    "generator": (generator, 15),
    "million": (million, 1),
    "intervals": (intervals.intervals, 30),
    "copy": (copying.copy, 5),
    "timeline": (timeline.timeline, 5),
    "phases": (timeline.phases, 5),
    "known": (timeline.known, 5),
    "untraced": (timeline.untraced, 10),
    "who_copies": (uring.who_copies, 20),
    "uring": (uring.uring, 5),
    "theory": (theory.theory, 9),
    "network": (network.network, 3),
    "http": (protocols.web, 5),
    "resp": (protocols.stores, 5),
    "crowd": (many.crowd, 3),
    "together": (together.together, 15),
    "million_connections": (many.million_connections, 1),
}


def run(name: str, rounds: int | None) -> list[Figure]:
    """Run one benchmark, print its figures, and return those that have a bound."""
    benchmark, usual = BENCHMARKS[name]
    print(f"{name}: {benchmark.__doc__}")
    return show(benchmark(rounds or usual))


def run_each(names: Sequence[str], rounds: int | None) -> Iterator[tuple[str, str, bool]]:
    """Run benchmarks one after the other; yield each one's name, its verdict, and whether all its bounds are met."""
    for name in names:
        if name == "untraced" and not os.environ.get("IOMUX_AGAINST"):
            yield name, "NOT RUN: set IOMUX_AGAINST to a checkout of the commit to compare with", len(names) > 1
            continue
        try:
            bounded = run(name, rounds)
        except Exception as error:  # one that this machine cannot run must not keep the others from being run
            yield name, f"BROKEN OFF: {type(error).__name__}: {error}", False
        else:
            yield name, verdict(bounded), all(figure.met for figure in bounded)
        print()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all of them. Returns the status: 1 if a bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME", choices=[*BENCHMARKS, "all"], help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    options = parser.parse_args(arguments)
    print(describe())
    outcomes = list(run_each(list(BENCHMARKS) if "all" in options.names else options.names, options.rounds))
    print(*(f"{name:<12} {said}" for name, said, _ in outcomes), sep="\n")
    status = int(not all(fine for _, _, fine in outcomes))
    print(f"status {status}")
    return status


if __name__ == "__main__":
    sys.exit(main())
