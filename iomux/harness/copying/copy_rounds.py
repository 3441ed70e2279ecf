"""The rounds of `iomux.copy_cost`, which run in a separate process.

Each way is tried once at each size, and its bytes are compared; then all ways are timed in turn, round after round.
Before each timed receive all its bytes are in the socket's buffer, so no call waits. A receive or a memory copy is made
once untimed before, so that its code and data are in the cache for all ways alike; before a timed send one page is
sent, so that its code is.
"""

import gc
import time
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from iomux.harness.copying.copy_calls import CopyBench, Trial, Way
from iomux.harness.load.rounds import rotated

_WARMUP_ROUNDS = 2
_TRIES = 5  # before a size counts as too large: the kernel enlarges a buffer while it is used

Key = tuple[str, int]
"""A way and a size in bytes."""


class CopySamples(NamedTuple):
    """The measurements of one process."""

    samples: "dict[Key, array[int]]"
    """Nanoseconds of each call that moved the whole size."""
    short: dict[Key, int]
    """How many calls did not, and are not samples."""
    reasons: dict[Key, str]
    """Empty, or why that way can't be timed at that size."""


def measure(ways: Mapping[str, Way], sizes: Sequence[int], rounds: int, first: int = 0) -> CopySamples:
    """Time each way at each size once a round; each round starts with another way, `first` is the first round's number.

    Raises RuntimeError if a call left other bytes than were sent. If the socket's buffers do not hold a size, or never
    move it in one call, that is a reason.
    """
    bench = CopyBench(max(sizes))
    try:
        trials = {(how, size): way(bench, size) for size in sizes for how, way in ways.items()}
        reasons = {(how, size): _check(trial, bench, how, size) for (how, size), trial in trials.items()}
        usable = {key: trial for key, trial in trials.items() if not reasons[key]}
        gc.disable()  # a collection would add to a call's time
        for number in range(_WARMUP_ROUNDS):
            _round(usable, list(ways), number, _empty_samples(trials, reasons))
        seen = _empty_samples(trials, reasons)
        for number in range(first, first + rounds):
            _round(usable, list(ways), number, seen)
        return seen
    finally:
        bench.close()


def _empty_samples(trials: Mapping[Key, Trial], reasons: dict[Key, str]) -> CopySamples:
    return CopySamples({key: array("q") for key in trials}, dict.fromkeys(trials, 0), reasons)


def _check(trial: Trial, bench: CopyBench, how: str, size: int) -> str:
    """Why this way can't be timed at this size; empty if a call moved every byte to where it belongs."""
    reason = ""
    for _ in range(_TRIES):
        bench.wipe(size)
        if reason := trial.ready():
            continue
        result, moved, _ = _call(trial)
        if moved == size:
            if not trial.intact(result):
                raise RuntimeError(f"{how} of {size:,} bytes: the bytes in memory are wrong")
            return ""
        reason = f"one call moved {moved:,} of {size:,} bytes: {bench.loopback.room()}"
    return reason


def _round(trials: Mapping[Key, Trial], ways: list[str], number: int, seen: CopySamples) -> None:
    """Time each way in turn at each size; each round starts with another way."""
    order = rotated(ways, number)
    for how, size in sorted(trials, key=lambda key: (key[1], order.index(key[0]))):
        for _ in range(_TRIES):
            if (took := _time(trials[how, size], size)) is not None:
                seen.samples[how, size].append(took)
                break
            seen.short[how, size] += 1


def _time(trial: Trial, size: int) -> int | None:
    """Nanoseconds of one call; None if it did not move all bytes."""
    if trial.ready():
        return None
    _, moved, took = _call(trial)
    return took if moved == size else None


def _call(trial: Trial) -> tuple[Any, int, int]:
    """Make the call: its result, the bytes it moved, and the nanoseconds it took."""
    call, clock = trial.call, time.perf_counter_ns
    try:
        before = clock()
        result = call()
        took = clock() - before
    except BlockingIOError:
        return None, 0, 0
    moved = trial.moved(result)
    trial.settle(moved)
    return result, moved, took
