"""The benchmark of the copy; `python -m tests.benchmarks` runs it."""

from collections.abc import Iterator, Sequence
from functools import partial

from tqdm.auto import trange

import iomux
from iomux.harness.copying.copy_calls import WAYS, CopyBench, Trial, recv_into
from iomux.harness.copying.copy_cost import SIZES
from iomux.harness.copying.copy_result import SPAN_BYTES, CopyCost, summarize
from iomux.harness.copying.copy_rounds import measure
from iomux.processes.worker import free_core, run_in_worker
from iomux.system.units import size_name
from tests.benchmarks.show import Figure, Line, at_least, at_most, ratios

LEAST_NS_PER_KIB = 0.1
"""The smallest slope that `copy` can distinguish from 0: 0.1 µs over 1 MiB, less than the spread of a median."""


def copy(rounds: int) -> Iterator[Line]:
    """A receive by size, 4 KiB to 1 MiB: what the call costs, what each KiB does, and the same under MSG_TRUNC."""
    costs: list[CopyCost] = []
    asides: list[CopyCost] = []
    for _ in trange(rounds, leave=False):
        costs.append(iomux.copy_cost(progress=False))
        asides.append(_asides())
    slopes = {how: [float(cost.slopes[how]) for cost in costs] for how in WAYS}
    for how in WAYS:
        yield Figure(f"{how}: each further KiB", slopes[how], "ns")
    yield from control(slopes["recv_into"], slopes["recv_into MSG_TRUNC"])
    tables = [cost.by_size for cost in costs]
    for size, bound in ((SIZES[0], at_most(25)), (SPAN_BYTES[1], at_least(95))):
        shares = [100 * float(table["share"][size]) for table in tables]
        yield Figure(f"{size_name(size)}: the copy's part of a receive", shares, "%", bound)
        yield Figure(f"{size_name(size)}: a receive", [float(table["receive_us"][size]) for table in tables], "µs")
        yield Figure(f"{size_name(size)}: without the copy", [float(table["call_us"][size]) for table in tables], "µs")
    yield Figure("the copy outweighs the call from", [cost.crossover_bytes / 1024 for cost in costs], "KiB")
    yield from _beside_it(asides)


def _beside_it(asides: Sequence[CopyCost]) -> Iterator[Line]:
    medians = [cost.frame.set_index(["size_bytes", "how"])["median_us"][SPAN_BYTES[1]] for cost in asides]
    off = [found["off"] / found["on"] for found in medians]
    yield Figure("recv_into, 1 MiB: 8 bytes off a page / on it", off, "times")
    slopes = [float(cost.slopes["taken"]) for cost in asides]
    yield Figure("recv_into that takes the bytes: each further KiB", slopes, "ns")


def control(copied: Sequence[float], discarded: Sequence[float]) -> Iterator[Line]:
    """The ratio of two slopes: a lower bound in those rounds in which the second cannot be distinguished from 0."""
    least = sum(slope < LEAST_NS_PER_KIB for slope in discarded)
    both = ratios(copied, [max(slope, LEAST_NS_PER_KIB) for slope in discarded])
    yield Figure("recv_into / MSG_TRUNC: slope", both, "times", at_least(50))
    if least:
        yield f"  in {least} of them it is at least that: under MSG_TRUNC less than {LEAST_NS_PER_KIB} ns/KiB"


def taken(bench: CopyBench, size: int) -> Trial:
    """A receive as servers do it: it takes the bytes, frees the kernel's buffers, and may acknowledge."""
    target, data = bench.target[:size], bench.payload[:size]
    call = partial(bench.loopback.near.recv_into, target, size)
    return Trial(partial(bench.loopback.hold, data), call, int, lambda _: None, lambda _: target == data)


def _asides() -> CopyCost:
    """Measure what `iomux.copy_cost` leaves out, in a separate process."""
    ways = {"on": recv_into, "off": partial(recv_into, offset=8), "taken": taken}
    sizes = [size for size in SIZES if SPAN_BYTES[0] <= size <= SPAN_BYTES[1]]
    seen = run_in_worker(measure, ways, sizes, 50, core=free_core(None), seconds=60, what="the measurement of asides")
    return summarize(sizes, [seen], {})
