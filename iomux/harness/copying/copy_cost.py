"""The cost of the copy between kernel and user space, measured apart from the call.

A receive has two costs: the call itself, however few bytes there are, and the copy of each byte. The same call
without the copy is the control experiment: at each size the difference of the two is the copy. A copy in memory is
the yardstick (`iomux.harness.copying.copy_calls` describes each way).

The rounds run in several processes, one after the other, so that no figure depends on where one process's memory
happens to lie. Cost: some 4 s, one core for the measurement if there are two, and six times the largest size in
memory.
"""

from collections.abc import Sequence
from functools import partial

from iomux.harness.copying.copy_calls import WAYS
from iomux.harness.copying.copy_result import CopyCost, summarize
from iomux.harness.copying.copy_rounds import measure
from iomux.harness.copying.parts import in_parts
from iomux.system.features import feature
from iomux.system.limits import LARGEST_BYTES, check_whole, whole_numbers

SIZES = tuple(64 * 4**power for power in range(9))
"""64 bytes to 4 MiB."""
MOST_REPEATS = 10_000
"""The most rounds: with the default sizes some four minutes."""
_PROCESSES = 4


def copy_cost(sizes: Sequence[int] | int = SIZES, repeats: int = 200, progress: bool = True) -> CopyCost:
    """Time receiving, sending and copying `sizes` bytes, `repeats` times each, in separate processes.

    sizes: bytes a call, each 1 to 64 MiB, one number or several. repeats: rounds, at most 10,000; in each
    round every way is timed once at every size. progress: show a bar on standard error.

    A size that the socket's buffers can't hold, and a way that this machine lacks, are rows with a reason.
    Raises ValueError for invalid arguments, RuntimeError if bytes are not what was sent.

    Example:
    >>> cost = iomux.copy_cost([64, 4096], repeats=10, progress=False)
    >>> sorted(set(cost.frame["side"]))
    ['memory', 'receive', 'send']
    """
    chosen = _checked(sizes, repeats)
    missing = {how: needed.why_not() for how, known in WAYS.items() if (needed := feature(known.needs))}
    ways = {how: known.way for how, known in WAYS.items() if not missing.get(how)}
    bytes_a_round, what = len(ways) * sum(chosen), "the measurement of copies"
    seen = in_parts(partial(measure, ways, chosen), repeats, _PROCESSES, bytes_a_round, what, progress)
    return summarize(chosen, list(seen), missing)


def _checked(sizes: Sequence[int] | int, repeats: int) -> list[int]:
    """The sizes in order, each once. Raises ValueError, saying what to change, for invalid arguments."""
    chosen = whole_numbers("sizes", sizes)
    check_whole(repeats=repeats)
    if not chosen:
        raise ValueError("sizes is empty: give one or more numbers of bytes")
    for size in chosen:
        if not 1 <= size <= LARGEST_BYTES:
            raise ValueError(f"sizes has {size:,} in it: a call is timed with 1 to {LARGEST_BYTES:,} bytes")
    if not 1 <= repeats <= MOST_REPEATS:
        raise ValueError(f"repeats is {repeats}: choose 1 to {MOST_REPEATS:,}, 50 or more for a median to be trusted")
    return sorted(chosen)
