"""The benchmark `together`: one load, carried out by one process and by several; are their merged samples the same?

What the machine does to a ratio stands beside it: that of one process to one process again.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm.auto import trange

import iomux
from iomux.harness.load.rounds import of_rounds, rotated
from tests.benchmarks.many import ACTIVE, computes
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Bound, Figure, Line, between, ratios

HOSTS, AGAIN = 3, "one again"
PERCENTILES = {"p50_us": between(0.95, 1.05), "p99_us": between(0.7, 1.3)}


def together(rounds: int) -> Iterator[Line]:
    """The percentiles of one load by two and three processes, and from three Dask hosts, against those by one."""
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        counts = {"one": 1, AGAIN: 1, "two": 2, "three": 3}
        ways = {name: partial(iomux.load, processes=count) for name, count in counts.items()}
        if find_spec("distributed"):
            ways["three hosts"] = partial(iomux.load, client=_dask(stack))
        else:
            yield "NOT MEASURED: from three hosts, without distributed (pip install -e '.[cluster]')"
        server = stack.enter_context(iomux.start("epoll", handler=computes))
        runs = Runs(rounds * len(ways))
        for number in trange(rounds, leave=False):
            for name in rotated(ways, number):
                result = runs.of(name, partial(ways[name], server, ACTIVE, duration=2.0))
                assert not result.errors, result.errors
                for percentile in PERCENTILES:
                    seen[name, percentile].append(getattr(result, percentile))
    yield from runs.doubts()
    for percentile, near in PERCENTILES.items():
        yield Figure(f"one process, {ACTIVE} active: {percentile[:3]}", seen["one", percentile], "µs")
        for name in list(ways)[1:]:
            values = ratios(seen[name, percentile], seen["one", percentile])
            yield Figure(f"{name} / one: {percentile[:3]}", values, "times", _agrees(near) if name != AGAIN else None)


def _agrees(near: Bound) -> Bound:
    """The interval has 1 in it, and the median is not far from it, lest a wide interval passes for agreement."""

    def holds(values: Sequence[float]) -> bool:
        found = of_rounds(values)
        return found.low <= 1 <= found.high and near.holds(values)

    return Bound(f"1 in the interval, median {near.words}", holds)


def _dask(stack: ExitStack) -> Any:
    """A client of a cluster of workers that are hosts by their addresses in 127.0.0.0/8."""
    from tests.support.cluster import cluster

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    return stack.enter_context(cluster(folder, HOSTS)).client
