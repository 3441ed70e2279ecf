"""The rounds of `iomux.who_copies`, which run in a separate process.

In each round every way has one turn: bytes are put into all sockets' receive buffers, the way requests them, the
process computes a fixed piece of pure Python, and then waits for the bytes that are still missing. The computation is
done in equal slices, and the completion queue is checked after each: that shows when each completion arrived.

The processor time of the application's thread is exact (CLOCK_THREAD_CPUTIME_ID), and split into user and system by
the scheduler's ticks (RUSAGE_THREAD, getrusage(2); 4 ms if CONFIG_HZ is 250, so only medians of several rounds mean
something). That of the helpers is the process's minus the application's. io_uring's workers and its SQPOLL thread
count as threads of the process, including those that have ended (kernel/exit.c, __exit_signal).
"""

import gc
import resource
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from iomux.harness.copying.who_copies_ways import WAYS, WaitingBytes, Way, perf_ns
from iomux.harness.load.rounds import rotated
from iomux.system.machine import CpuTime

SLICES = 50
"""The slices of the computation; the completions are checked after each."""
COMPUTE_FOR = 2.0
"""The computation takes this many times as long as the copy, so that even a helper that starts late can finish."""
_TRIES = 3
_STILL_NS = 100_000  # more than sleeping threads use in 10 ms, and than two successive readings of clocks differ


class Turn(NamedTuple):
    """What one way did in one round. Times in nanoseconds."""

    way: str
    round: int
    asked: int
    """Since the request began: when it was made, when the computation ended, and when all bytes were in."""
    computed: int
    collected: int
    seen: tuple[int, ...]
    """Since the request began: when each connection's bytes were first seen to be in."""
    application: CpuTime
    """Seconds of the application's thread."""
    calls_ns: int
    """Processor time of the application's thread outside the computation: for requesting and collecting."""
    helpers_ns: int
    """Processor time of all other threads, until they sleep again."""
    watched_ns: int | None
    """The part of it in which SQPOLL's thread only watched the ring; None if the kernel does not say."""
    before: int
    """Connections whose bytes were in when the computation began."""
    meanwhile: int
    """Connections whose bytes came in during the computation, as seen without a system call (else RuntimeError)."""
    syscalls: int


class Seen(NamedTuple):
    """The measurements of one process."""

    turns: list[Turn]
    reasons: dict[str, str]
    """By way: why it could not be tried."""
    unfit: str = ""
    """Why nothing could be measured, if the bytes do not fit into the sockets' buffers."""


def measure(names: Sequence[str], size: int, count: int, rounds: int, first: int, helpers: Sequence[int]) -> Seen:
    """Give each way a turn in each round; each round starts with another way, `first` is the first round's number.

    helpers: the cores on which io_uring's threads run. Raises RuntimeError if other bytes came than were sent.
    """
    bench = WaitingBytes(size, count)
    ways: dict[str, Way] = {}
    reasons: dict[str, str] = {}
    try:
        if unfit := bench.fill():
            return Seen([], {}, unfit)
        for name in names:
            try:
                ways[name] = WAYS[name][0](bench, helpers)
            except OSError as error:
                reasons[name] = f"the kernel refused: {error.strerror}"
        loops = _calibrate(ways, bench)
        gc.disable()  # a collection would add to a round's time
        _round(ways, bench, loops, 0)
        return Seen([turn for number in range(rounds) for turn in _round(ways, bench, loops, first + number)], reasons)
    finally:
        for way in ways.values():
            way.close()
        bench.close()


def _round(ways: Mapping[str, Way], bench: WaitingBytes, loops: int, number: int) -> list[Turn]:
    return [_turn(name, ways[name], bench, loops, number) for name in rotated(ways, number)]


def _calibrate(ways: Mapping[str, Way], bench: WaitingBytes) -> int:
    """How many loops a slice has: from the fastest of some copies, and of some computations."""
    plain = next(iter(ways))
    copying = min(_turn(plain, ways[plain], bench, 0, 0).calls_ns for _ in range(_TRIES))
    computing = []
    for _ in range(_TRIES):
        began = time.thread_time_ns()
        compute(100_000)
        computing.append(time.thread_time_ns() - began)
    return max(1, int(COMPUTE_FOR * copying / SLICES / min(computing) * 100_000))


def compute(loops: int) -> int:
    """The application's work: pure Python, without system calls, and with hardly any memory."""
    total = 0
    for number in range(loops):
        total = (31 * total + number) & 0xFFFF
    return total


def _turn(name: str, way: Way, bench: WaitingBytes, loops: int, number: int) -> Turn:
    if reason := bench.fill():
        raise RuntimeError(f"the bytes fitted before, but no longer: {reason}")
    seen = [0] * len(bench.links)
    helpers_before, watched_before = _when_helpers_sleep(), way.watched()
    way.prepare()
    calls, used, began = way.calls(), _used(), perf_ns()
    way.ask(seen)
    asked, cpu_asked = perf_ns(), time.thread_time_ns()
    asked_calls = way.calls()
    way.look(seen)
    before = len(seen) - seen.count(0)
    for _ in range(SLICES):
        compute(loops)
        way.look(seen)
    computed, cpu_computed = perf_ns(), time.thread_time_ns()
    meanwhile = len(seen) - seen.count(0) - before
    if way.calls() != asked_calls:
        raise RuntimeError(f"{name}: looking at the completions took a system call")
    way.collect(seen)
    collected, application = perf_ns(), _used().since(used)
    stamps = tuple(stamp - began for stamp in seen)
    calls_ns = round(1e9 * application.total) - (cpu_computed - cpu_asked)
    helpers_ns = max(0, _when_helpers_sleep() - helpers_before)  # not negative: two clocks are read one after the other
    watched, watched_ns = way.watched(), None
    if watched is not None and watched_before is not None:
        watched_ns = min(watched - watched_before, helpers_ns)
    if not bench.intact():
        raise RuntimeError(f"{name}: the bytes received are not those that were sent")
    times = (asked - began, computed - began, collected - began)
    others, transfers = (calls_ns, helpers_ns, watched_ns), (before, meanwhile)
    return Turn(name, number, *times, stamps, application, *others, *transfers, way.calls() - calls)


def _used() -> CpuTime:
    ticks = resource.getrusage(resource.RUSAGE_THREAD)
    return CpuTime(ticks.ru_utime, ticks.ru_stime, time.thread_time_ns() / 1e9)


def _when_helpers_sleep(patience: float = 2.0) -> int:
    """Wait until no other thread runs, and return what they have used: a running one's last tick would be missing."""
    until = time.monotonic() + patience
    before, used = -_STILL_NS, _helpers_ns()
    while used - before >= _STILL_NS and time.monotonic() < until:
        time.sleep(0.01)
        before, used = used, _helpers_ns()
    return used


def _helpers_ns() -> int:
    return time.process_time_ns() - time.thread_time_ns()
