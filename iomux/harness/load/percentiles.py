"""Percentiles and how sure they are: the one estimator of `load`, `sweep`, the playground and the benchmarks.

A percentile is a time that was seen, by the nearest rank: the least that at least this share of the samples did not
exceed (definition 1 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996). Its 95 % interval lies
between two other samples. Their ranks are quantiles of the binomial distribution, which counts the samples below the
true percentile; so nothing is assumed of how the times are distributed (Le Boudec, "Performance Evaluation of Computer
and Communication Systems", section 2.2 and the tables of appendix A).

It is assumed that the samples are independent. Those of one run are not: requests wait behind each other, and a stall
delays many. An interval of one run is therefore too narrow (`python -m tests.benchmarks intervals` measures by how
much). Where there are rounds, take the interval over the rounds: `rounds.of_rounds`, `iomux.ratio`.

Cost: that of sorting the samples. It works on any sorted sequence, so the load generator's process needs no NumPy.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import ceil, isnan, nan
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Sorted = Sequence[float] | npt.NDArray[np.float64]

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
"""The percentiles of a load, by name."""
SURE = 0.95
"""How often an interval contains the true value, in the long run."""
_ABOVE = 10  # with fewer samples beyond it, a percentile is decided by a handful of accidents
_WORDS = {"p50": "median", "p90": "90 %", "p99": "99 %", "p999": "99.9 %"}


def needed(share: float) -> int:
    """How many samples a percentile needs: ten above it, so p90 100, p99 1,000, p99.9 10,000; the median needs one."""
    return 1 if share <= 0.5 else round(_ABOVE / (1 - share))


def percentile(ordered: "Sorted", share: float, lost: int = 0) -> float:
    """The percentile of sorted samples, in their unit, by the nearest rank; NaN if they are too few.

    lost: how many more there are, of which it is only known that each is longer than all of these; NaN if it is one.

    Example:
    >>> from iomux.harness.load.percentiles import percentile
    >>> percentile(range(1, 1001), 0.99), percentile(range(1, 1000), 0.99)
    (990.0, nan)
    """
    count = len(ordered) + lost
    rank = max(1, ceil(share * count - 1e-9))  # 0.07 * 100 is more than 7
    return nan if count < needed(share) or rank > len(ordered) else float(ordered[rank - 1])


def interval(ordered: "Sorted", share: float, lost: int = 0) -> tuple[float, float]:
    """The 95 % interval of that percentile; NaN twice if the samples are too few, or an end is one of those lost.

    Example:
    >>> from iomux.harness.load.percentiles import interval
    >>> interval(range(1, 1001), 0.99)
    (983.0, 997.0)
    """
    if len(ordered) + lost < needed(share):
        return nan, nan
    low, high = _ranks(len(ordered) + lost, share)
    return (float(ordered[low - 1]), float(ordered[high - 1])) if low >= 1 and high <= len(ordered) else (nan, nan)


@lru_cache
def _ranks(count: int, share: float) -> tuple[int, int]:
    """The ranks, from 1, of the interval's ends: at least 95 % of the binomial distribution lies between them."""
    from scipy.special import bdtrik  # imported late: the load generator does without; scipy.stats takes thrice as long

    low, high = (ceil(bdtrik(beyond, count, share)) for beyond in ((1 - SURE) / 2, (1 + SURE) / 2))
    return low, high + 1


def columns(intervals_us: dict[str, tuple[float, float]]) -> dict[str, float]:
    """The ends of the intervals as columns of a table: p50_low_us, p50_high_us, ..."""
    ends = {name: zip(("low", "high"), both, strict=True) for name, both in intervals_us.items()}
    return {f"{name}_{end}_us": value for name, both in ends.items() for end, value in both}


def in_words(row: Mapping[str, Any]) -> list[str]:
    """One line of percentiles with their intervals; more that name those that are unknown, and why.

    row: a result as a row of a table (`iomux.harness.load.result.LoadResult.row`).
    """
    if isnan(max_us := row["max_us"]):
        return []
    planned, known = row["requests"] + row["lost"], [name for name in SHARES if not isnan(row[f"{name}_us"])]
    said = [
        f"{_WORDS[name]} {_short(row[f'{name}_us'])}{'' if number else ' µs'}"
        + _brackets(row[f"{name}_low_us"], row[f"{name}_high_us"])
        for number, name in enumerate(known)
    ]
    why = "; in brackets the 95 % interval" if any("(" in words for words in said) else ""
    lines = [f"{', '.join([*said, f'slowest {_short(max_us)}' + ('' if said else ' µs')])}{why}"]
    unknown = [name for name in SHARES if name not in known]
    few = [f"{_WORDS[name]} needs {needed(SHARES[name]):,}" for name in unknown if planned < needed(SHARES[name])]
    beyond = [_WORDS[name] for name in unknown if planned >= needed(SHARES[name])]
    if beyond:
        lines.append(f"not known: {', '.join(beyond)}, since {row['lost']:,} of {planned:,} requests had no reply")
    return lines + ([f"too few requests: {', '.join(few)}"] if few else [])


def _brackets(low: float, high: float) -> str:
    return "" if isnan(low) else f" ({_short(low)} to {_short(high)})"


def _short(us: float) -> str:
    return f"{us:,.0f}" if us >= 100 else f"{us:.1f}"
