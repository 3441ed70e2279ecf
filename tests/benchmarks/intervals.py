"""The benchmark `intervals`: how often the interval of a percentile contains the truth, in theory and in one run."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
from tqdm.auto import trange

import iomux
from iomux.harness.load.percentiles import SHARES, interval, needed
from tests.benchmarks.runs import Runs
from tests.benchmarks.show import Figure, Line, between

Draw = Callable[[np.random.Generator, tuple[int, int]], npt.NDArray[np.float64]]

_DRAWS = 2000
_AT_ONCE = 50  # draws, so that those of p99.9 fit into memory
_FEWEST, _TIMES_NEEDED = 5000, 5  # with just enough samples the ranks are so coarse that 97.6 % are held
KNOWN: dict[str, tuple[Draw, Callable[[float], float]]] = {
    "exponential": (lambda random, shape: random.exponential(size=shape), lambda share: -float(np.log(1 - share))),
    "Pareto, infinite variance": (
        lambda random, shape: 1 + random.pareto(1.5, size=shape),
        lambda share: float((1 - share) ** (-1 / 1.5)),
    ),
    "two humps": (
        lambda random, shape: random.random(shape) + 10 * (random.random(shape) < 0.05),
        lambda share: float(share / 0.95 if share < 0.95 else 10 + (share - 0.95) / 0.05),
    ),
}
"""Distributions with long tails whose percentiles are known: how to draw, and the true percentile of a share."""


def intervals(rounds: int) -> Iterator[Line]:
    """How many of 2,000 intervals contain the true percentile; and of real runs, which hold the median of all runs."""
    for seed, (words, (draw, truth)) in enumerate(KNOWN.items()):
        for name, share in SHARES.items():
            held = 100 * held_share(draw, truth(share), share, seed)
            yield Figure(f"{words}: {name} in its interval", [held], "%", between(93, 97))
    yield "Samples of one run depend on each other; below, the truth is the median of all runs of the same server."
    for rate, words in ((None, "closed loop, 10 active"), (1000.0, "open loop, 1,000/s")):
        yield from _real(rounds, rate, words)


def held_share(draw: Draw, truth: float, share: float, seed: int, draws: int = _DRAWS) -> float:
    """The share of intervals, of independent samples each, that contain the truth."""
    random = np.random.default_rng(seed)
    count = max(_FEWEST, _TIMES_NEEDED * needed(share))
    held = 0
    for _ in range(0, draws, _AT_ONCE):
        for samples in np.sort(draw(random, (_AT_ONCE, count))):
            low, high = interval(samples, share)
            held += low <= truth <= high
    return held / draws


def _real(rounds: int, rate: float | None, words: str) -> Iterator[Line]:
    loads = Runs(rounds)
    with iomux.start("epoll" if "epoll" in iomux.names() else "poll") as server:
        run = partial(iomux.load, server, connections=10, duration=1.2, warmup=0.1, rate=rate)
        runs = [loads.of(words, run) for _ in trange(rounds, leave=False)]
    yield from loads.doubts()
    for name in SHARES:
        values = np.array([getattr(run, f"{name}_us") for run in runs])
        if np.isnan(values).any():
            continue
        middle = np.median(values)
        ends = [run.intervals_us[name] for run in runs]
        held = [100 * float(np.mean([low <= middle <= high for low, high in ends]))]
        wide = float(np.median([high - low for low, high in ends]))
        spread = float(np.subtract(*np.percentile(values, [97.5, 2.5])))
        yield Figure(f"{words}: {name} of all runs in one run's interval", held, "%")
        yield Figure(f"{words}: {name}, spread of the runs / one interval", [spread / wide], "times")
