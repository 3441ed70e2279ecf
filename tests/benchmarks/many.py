"""The benchmarks of very many connections, and of several load generators; `python -m tests.benchmarks` runs them."""

import contextlib
import os
import time
from collections.abc import Iterator
from functools import partial

from tqdm.auto import trange

import iomux
from iomux.harness.crowd import CrowdResult
from iomux.harness.crowd import crowd as open_crowd
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, at_most, between, never_more_than, ratios

MILLION, HUNDRED_THOUSAND = 1_000_000, 100_000
MEMORY_SHARE = 0.75
"""A machine that is measured does nothing else: more of its memory may be planned for than in a notebook."""
SERVICE_NS, ACTIVE = 200_000, 100
NICE = 5


def million_connections(rounds: int) -> Iterator[Line]:
    """A million connections open at once, one of them active; as many as the machine has room for."""
    with _niced():
        found = [open_crowd(MILLION, duration=2.0, memory_share=MEMORY_SHARE) for _ in trange(rounds, leave=False)]
    yield from _opened(found, MILLION, 120)
    runs = Runs(0)
    for one in found:
        runs.note("one active, alone", one.alone.doubts)
        runs.note("one active, among all", one.result.doubts)
    count = f"{found[0].room.connections:,} connections"
    active, alone = ([run.p50_us for run in runs] for runs in zip(*((f.result, f.alone) for f in found), strict=True))
    yield Figure("one active, alone: median latency", alone, "µs")
    yield from runs.doubts("one active, alone")
    yield Figure(f"one active, among {count}: median latency", active, "µs")
    yield from runs.doubts("one active, among all")
    yield Figure(f"among {count} / alone", ratios(active, alone), "times", at_most(1.5))
    yield Figure(f"{count}: memory of each, both ends", [f.bytes_each / 1000 for f in found], "KB", at_most(12))
    yield Figure(f"{count}: of it in the kernel's caches", [_kernel(f) / 1000 for f in found], "KB")
    yield Figure(f"{count}: all closed and all processes gone after", [f.total_s for f in found], "s")


def crowd(rounds: int) -> Iterator[Line]:
    """A hundred thousand connections in ten seconds, and two load generators against one at the same total."""
    found = [open_crowd(HUNDRED_THOUSAND) for _ in trange(rounds, leave=False)]
    yield from _opened(found, HUNDRED_THOUSAND, 10)
    runs = Runs(2 * rounds)
    pairs = [_one_and_two(runs) for _ in trange(rounds, leave=False)]
    yield from runs.doubts()
    for name, bound in (("p50_us", between(0.95, 1.05)), ("p99_us", between(0.7, 1.3))):
        one, two = ([getattr(run, name) for run in runs] for runs in zip(*pairs, strict=True))
        yield Figure(f"one load generator, {ACTIVE} active: {name[:3]}", one, "µs")
        yield Figure(f"two load generators / one: {name[:3]}", ratios(two, one), "times", bound)


def _opened(found: list[CrowdResult], wanted: int, seconds: float) -> Iterator[Line]:
    yield found[0].room.words
    count = found[0].room.connections
    if count < wanted:
        yield f"STEPPED DOWN: {count:,} of {wanted:,} connections, and the bounds are those of {wanted:,}"
    refused = [f.room.connections - f.accepted + sum(f.result.errors.values()) for f in found]
    yield Figure(f"{count:,} connections: refused or lost", refused, bound=never_more_than(0))
    yield Figure(f"{count:,} connections: all accepted after", [f.open_s for f in found], "s", at_most(seconds))


def _kernel(found: CrowdResult) -> float:
    """Bytes a connection in the kernel's caches: all that is not the processes' own (`iomux.harness.who_pays`)."""
    own = ("AnonPages", "PageTables", "KernelStack", "Percpu")
    return sum(size for name, size in found.shares.items() if name not in own)


def _one_and_two(runs: Runs) -> tuple[iomux.LoadResult, iomux.LoadResult]:
    """A server whose handler computes, loaded by one process and by two: latencies are the turns of others."""
    with iomux.start("epoll", handler=computes) as server:
        one = runs.of("one load generator", partial(iomux.load, server, ACTIVE, duration=2.0))
        return one, runs.of("two load generators", partial(iomux.load, server, ACTIVE, duration=2.0, processes=2))


def computes(data: bytes) -> bytes:
    """A handler that needs the processor for as long as one request takes; all others wait for it."""
    until = time.perf_counter_ns() + SERVICE_NS
    while time.perf_counter_ns() < until:
        pass
    return data


@contextlib.contextmanager
def _niced() -> Iterator[None]:
    """Let all that is started meanwhile give way to others: a hundred processes would leave a shell no time."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(before, NICE))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):  # only root may go back
            os.setpriority(os.PRIO_PROCESS, 0, before)
