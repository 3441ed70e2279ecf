"""The rounds of `iomux.who_copies`, as they run in a process of their own.

In each round every way has its turn: bytes are put into all sockets' receive buffers, the way asks for them, a
fixed piece of pure Python is computed, and what is not in by then is waited for. The computing is done in equal
slices, and after each the rings are looked at: that is how it is known when each completion was there.

Processor time: of the application's thread by CLOCK_THREAD_CPUTIME_ID, exact, split into user and system as
the scheduler's ticks were (RUSAGE_THREAD, getrusage(2); 4 ms where CONFIG_HZ is 250, so that only medians of several
rounds mean something); of the helpers as the process's minus that. io_uring's workers and its SQPOLL thread
count as threads of the process, those that have ended too (kernel/exit.c, __exit_signal).
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
"""Pieces of the computing, after each of which the completions are looked at."""
COMPUTE_FOR = 2.0
"""The computing takes so many times as long as the copy: a helper that began late can still be done by its end."""
_TRIES = 3
_STILL_NS = 100_000  # what a sleeping thread does not use in 10 ms; two clocks read after each other differ by less


class Turn(NamedTuple):
    """What one way did in one round. Times in nanoseconds."""

    way: str
    round: int
    asked: int
    """Since asking began: when it had been asked, when the computing was over, and when all bytes were in."""
    computed: int
    collected: int
    seen: tuple[int, ...]
    """Since asking began: when each connection's bytes were first seen to be in."""
    application: CpuTime
    """Seconds of the application's thread."""
    calls_ns: int
    """Processor time of the application's thread outside the computing: asking and collecting."""
    helpers_ns: int
    """Processor time of all other threads, until they sleep again."""
    before: int
    """Connections whose bytes were in when the computing began."""
    meanwhile: int
    """Those whose bytes were seen to be in while it computed: without a system call, or it is a RuntimeError."""
    syscalls: int


class Seen(NamedTuple):
    """What one process saw."""

    turns: list[Turn]
    reasons: dict[str, str]
    """By the ways that could not be tried, why."""
    unfit: str = ""
    """Why nothing could be measured: the bytes do not fit into the sockets' buffers."""


def measure(names: Sequence[str], size: int, count: int, rounds: int, first: int, helpers: Sequence[int]) -> Seen:
    """Each way its turn, in each round; another one begins in each, and `first` is the first round's number.

    helpers: the cores on which io_uring's threads run. Raises RuntimeError if bytes were not those that were sent.
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
        gc.disable()  # a collection in the middle would be a cost of ours
        _round(ways, bench, loops, 0)
        return Seen([turn for number in range(rounds) for turn in _round(ways, bench, loops, first + number)], reasons)
    finally:
        for way in ways.values():
            way.close()
        bench.close()


def _round(ways: Mapping[str, Way], bench: WaitingBytes, loops: int, number: int) -> list[Turn]:
    return [_turn(name, ways[name], bench, loops, number) for name in rotated(ways, number)]


def _calibrate(ways: Mapping[str, Way], bench: WaitingBytes) -> int:
    """How many loops a slice has, from the least of some tries: of the copy, and of the computing."""
    plain = next(iter(ways))
    copying = min(_turn(plain, ways[plain], bench, 0, 0).calls_ns for _ in range(_TRIES))
    computing = []
    for _ in range(_TRIES):
        began = time.thread_time_ns()
        compute(100_000)
        computing.append(time.thread_time_ns() - began)
    return max(1, int(COMPUTE_FOR * copying / SLICES / min(computing) * 100_000))


def compute(loops: int) -> int:
    """The application's own work: pure Python, no system call, no memory to speak of."""
    total = 0
    for number in range(loops):
        total = (31 * total + number) & 0xFFFF
    return total


def _turn(name: str, way: Way, bench: WaitingBytes, loops: int, number: int) -> Turn:
    if reason := bench.fill():
        raise RuntimeError(f"they fitted before: {reason}")
    seen = [0] * len(bench.links)
    quiet = _when_helpers_sleep()
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
    collected, using = perf_ns(), _used().since(used)
    stamps = tuple(stamp - began for stamp in seen)
    spent = round(1e9 * using.total) - (cpu_computed - cpu_asked)
    helped = max(0, _when_helpers_sleep() - quiet)  # of two clocks, one after the other
    if not bench.intact():
        raise RuntimeError(f"{name}: what has come is not what was sent")
    times = (asked - began, computed - began, collected - began)
    return Turn(name, number, *times, stamps, using, spent, helped, before, meanwhile, way.calls() - calls)


def _used() -> CpuTime:
    ticks = resource.getrusage(resource.RUSAGE_THREAD)
    return CpuTime(ticks.ru_utime, ticks.ru_stime, time.thread_time_ns() / 1e9)


def _when_helpers_sleep(patience: float = 2.0) -> int:
    """Wait until no other thread runs, and say what they have used: of one that runs the last tick would be missing."""
    until = time.monotonic() + patience
    before, used = -_STILL_NS, _helpers_ns()
    while used - before >= _STILL_NS and time.monotonic() < until:
        time.sleep(0.01)
        before, used = used, _helpers_ns()
    return used


def _helpers_ns() -> int:
    return time.process_time_ns() - time.thread_time_ns()
