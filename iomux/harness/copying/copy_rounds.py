"""The rounds of `iomux.copy_cost`, as they run in a process of their own.

Each way is tried out at each size, and its bytes compared; then all have their turn, round after round.
Before each timed receive all its bytes are in the socket's buffer, so nothing waits; a receive or a copy has
then been made once unrecorded, so that code and data are in the cache for all of them alike, and before each
timed send a page was sent, so that the code is.
"""

import gc
import time
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from iomux.harness.copying.copy_calls import CopyBench, Trial, Way
from iomux.harness.load.rounds import rotated

_WARMUP_ROUNDS = 2
_TRIES = 5  # until a size counts as too large: the kernel enlarges a buffer as it is used

Key = tuple[str, int]
"""A way and a size in bytes."""


class CopySamples(NamedTuple):
    """What one process saw."""

    samples: "dict[Key, array[int]]"
    """Nanoseconds of each call that moved the whole size."""
    short: dict[Key, int]
    """How many calls did not, and are no samples."""
    reasons: dict[Key, str]
    """Empty, or why that way can't be timed at that size."""


def measure(ways: Mapping[str, Way], sizes: Sequence[int], rounds: int, first: int = 0) -> CopySamples:
    """Time each way at each size once a round; another way begins in each round, and `first` is its number.

    Raises RuntimeError if a call left bytes that are not those that were sent. A size that the socket's
    buffers do not hold, or never move in one call, is a reason.
    """
    bench = CopyBench(max(sizes))
    try:
        trials = {(how, size): way(bench, size) for size in sizes for how, way in ways.items()}
        reasons = {(how, size): _try_out(trial, bench, how, size) for (how, size), trial in trials.items()}
        usable = {key: trial for key, trial in trials.items() if not reasons[key]}
        gc.disable()  # a collection in the middle would be a cost of ours
        for number in range(_WARMUP_ROUNDS):
            _round(usable, list(ways), number, _nothing_yet(trials, reasons))
        seen = _nothing_yet(trials, reasons)
        for number in range(first, first + rounds):
            _round(usable, list(ways), number, seen)
        return seen
    finally:
        bench.close()


def _nothing_yet(trials: Mapping[Key, Trial], reasons: dict[Key, str]) -> CopySamples:
    return CopySamples({key: array("q") for key in trials}, dict.fromkeys(trials, 0), reasons)


def _try_out(trial: Trial, bench: CopyBench, how: str, size: int) -> str:
    """Why this way can't be timed at this size; empty once a call moved every byte to where it belongs."""
    reason = ""
    for _ in range(_TRIES):
        bench.wipe(size)
        if reason := trial.ready():
            continue
        result, moved, _ = _call(trial)
        if moved == size:
            if not trial.intact(result):
                raise RuntimeError(f"{how} of {size:,} bytes: what is in memory is not what it must be")
            return ""
        reason = f"one call moved {moved:,} of {size:,} bytes: {bench.loopback.room()}"
    return reason


def _round(trials: Mapping[Key, Trial], ways: list[str], number: int, seen: CopySamples) -> None:
    """Each way in its turn at each size; another one begins than in the round before."""
    order = rotated(ways, number)
    for how, size in sorted(trials, key=lambda key: (key[1], order.index(key[0]))):
        for _ in range(_TRIES):
            if (took := _time(trials[how, size], size)) is not None:
                seen.samples[how, size].append(took)
                break
            seen.short[how, size] += 1


def _time(trial: Trial, size: int) -> int | None:
    """Nanoseconds of one call; None if not all bytes came or went in it."""
    if trial.ready():
        return None
    _, moved, took = _call(trial)
    return took if moved == size else None


def _call(trial: Trial) -> tuple[Any, int, int]:
    """Its result, the bytes it stands for, and the nanoseconds it took."""
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
