"""The benchmarks of io_uring; `python -m tests.benchmarks` runs them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tqdm.auto import trange

import iomux
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, at_most, between, ratios

if TYPE_CHECKING:
    import pandas as pd

ACTIVE = 128
URING_BOUNDS = {(f"{ACTIVE} active: system calls a request", "io_uring"): at_most(0.025)}
SHARES = {"wall": None, "system": at_most(20), "calls": at_most(1.5)}
"""The ways that are compared with io_uring by default, in per cent, with the bound of each."""


def who_copies(rounds: int) -> Iterator[Line]:
    """32 × 4 MiB: whose processor time the copy is, and what overlaps with the application's computing."""
    result = iomux.who_copies(repeats=rounds)
    ways = {str(way): rows.set_index("round") for way, rows in result.frame.groupby("way", sort=False)}
    for way, rows in ways.items():
        for name in ("wall", "user", "system", "helpers", "calls"):
            yield Figure(f"{way}: {name}", rows[f"{name}_ms"].tolist(), "ms")
        for name in ("before", "meanwhile", "after", "syscalls"):
            yield Figure(f"{way}: {name}", rows[name].tolist())
    for way in ("io_uring IOSQE_ASYNC", "io_uring SQPOLL"):
        for name, bound in SHARES.items():
            share = [100 * part for part in _against_default(ways, way, name)]
            yield Figure(f"{way} / by default, in the same round: {name}", share, "%", bound)
    both = _against_default(ways, "epoll", "system")
    yield Figure("epoll / io_uring by default, in the same round: system", both, "times", between(0.75, 1.33))
    for way, why in result.missing.items():
        yield f"{way}: not measured: {why}"


def _against_default(ways: "Mapping[str, pd.DataFrame]", way: str, name: str) -> Sequence[float]:
    """The ratios, round by round; none if one of the two could not be measured."""
    if not {way, "io_uring"} <= ways.keys():
        return []
    return ratios(ways[way][f"{name}_ms"].tolist(), ways["io_uring"][f"{name}_ms"].tolist())


def uring(rounds: int) -> Iterator[Line]:
    """io_uring against epoll: requests a second of server CPU, throughput, latency, system calls a request."""
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    runs = Runs(4 * rounds)
    for _ in trange(rounds, leave=False):
        for name in ("epoll", "io_uring"):
            for active in (1, ACTIVE):
                with iomux.start(name) as server:
                    run = partial(iomux.load, server, connections=active, duration=1.0)
                    result = runs.of(f"{name}, {active} active", run)
                calls = iomux.timeline(name, connections=active, active=active, requests=2000).attrs
                seen[f"{active} active: requests a second of CPU", name].append(
                    1e6 / (result.cpu_us_per_request or float("nan"))
                )
                seen[f"{active} active: requests a second", name].append(result.requests_per_s)
                seen[f"{active} active: median latency, µs", name].append(result.p50_us)
                total = sum(calls["syscalls_per_request"].values())
                seen[f"{active} active: system calls a request", name].append(total)
    for (what, name), values in seen.items():
        yield Figure(f"{name}, {what}", values, bound=URING_BOUNDS.get((what, name)))
    yield from runs.doubts()
    for what in dict.fromkeys(what for what, _ in seen):
        yield Figure(f"io_uring / epoll, {what}", ratios(seen[what, "io_uring"], seen[what, "epoll"]), "times")
