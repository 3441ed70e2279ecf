"""Runs the rounds of a measurement in several processes, one after the other.

Where a process's memory happens to lie decides what a copy there costs; with several processes chance matters less.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from iomux.processes.worker import free_core, run_in_worker
from iomux.system.progress import bars, shown

T = TypeVar("T")
_SLOWEST_BYTES_PER_S = 1e7  # a machine that copies more slowly than this exceeds the time limit
_WARMUP_ROUNDS = 10  # no measurement has more


def in_parts(
    measure: Callable[[int, int], T], repeats: int, parts: int, bytes_a_round: int, what: str, progress: bool
) -> Iterator[T]:
    """Call `measure(rounds, first)` in a separate process for each part of the rounds; yield each result.

    first: the number of a part's first round. bytes_a_round: how many bytes a round moves, which bounds the time that a
    process may take. what: the measurement's name in an error. Raises as `iomux.processes.worker` does.
    """
    parts, core = min(parts, repeats), free_core(None)
    with bars()(total=repeats, unit="round", disable=not shown(progress), leave=False) as bar:
        for part in range(parts):
            first, end = repeats * part // parts, repeats * (part + 1) // parts
            seconds = 60 + (end - first + _WARMUP_ROUNDS) * (1 + bytes_a_round / _SLOWEST_BYTES_PER_S)
            yield run_in_worker(measure, end - first, first, core=core, seconds=seconds, what=what)
            bar.update(end - first)
