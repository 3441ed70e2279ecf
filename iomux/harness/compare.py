"""Two sweeps, one before a change and one after it: what became faster, what slower, and what is not to be told.

The rounds of two sweeps do not pair: they were measured at different times. So all rounds of the one are compared with
all rounds of the other, by the test of Mann and Whitney (`scipy.stats.mannwhitneyu`), which assumes nothing about how
the values are distributed. The ratio is the median of all pairs' ratios (Hodges and Lehmann), and its interval holds
the ratios that the test does not reject at 5 %: so a change is told exactly if 1 is outside it.

The interval knows the spread within the two sweeps only. What changed in between on the machine looks like a change of
the server: measure A, B and A again.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, isnan, nan
from typing import TYPE_CHECKING

from iomux.harness.load.percentiles import SURE
from iomux.system.limits import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[object, ...]
"""The values of a setting, one for each column of `SETTING`."""
SETTING = ["server", "connections", "active", "size_bytes", "rate_per_s", "arrivals"]
"""What two sweeps must have in common for their values to be compared."""
MORE_IS_BETTER = ("requests_per_s", "requests_per_cpu_s")
_BESIDE = 1e-9  # at a pair's own ratio the two values would be tied


@dataclass(frozen=True)
class Change:
    """How one server changed at one level."""

    server: str
    connections: int
    active: int
    ratio: float
    """The value after, divided by the value before: the median over all pairs of rounds."""
    low: float
    """The lower end of the ratio's 95 % interval; NaN if there are too few rounds."""
    high: float
    """Its upper end."""
    rounds: tuple[int, int]
    """How many rounds before and after."""
    verdict: str
    """"faster", "slower" or "not to be told", and why not."""


def changes(before: "pd.DataFrame", after: "pd.DataFrame", column: str = "p50_us") -> list[Change]:
    """Compare two sweeps, server by server and level by level; settings that only one of them has are left out.

    column: a time or a cost, of which less is better, or a rate ("requests_per_s", "requests_per_cpu_s"). Raises
    ValueError if it is missing in one of them, or if they have no server and level in common.
    """
    for frame in (before, after):
        numbers = list(frame.select_dtypes("number").columns)
        if column not in numbers:
            near = did_you_mean(column, numbers)
            raise ValueError(f"there is no column {column!r} of numbers: {near}choose from {', '.join(numbers)}")
    old, new = _rounds(before, column), _rounds(after, column)
    if not (common := [key for key in old if key in new]):
        raise ValueError("the two sweeps have no server in common at the same connections, active, size and rate")
    return [_change(key, old[key], new[key], column) for key in common]


def _rounds(frame: "pd.DataFrame", column: str) -> dict[Key, list[float]]:
    """The values of each setting's rounds."""
    groups = frame.groupby(SETTING, sort=False, dropna=False)[column]
    return {_key(key): values.dropna().tolist() for key, values in groups}


def _key(key: Key) -> Key:
    return tuple(None if isinstance(value, float) and isnan(value) else value for value in key)  # a NaN equals nothing


def _change(key: Key, before: Sequence[float], after: Sequence[float], column: str) -> Change:
    server, connections, active = str(key[0]), int(key[1]), int(key[2])  # type: ignore[call-overload]
    pairs = sorted(b / a for a in before for b in after if a)
    middle = statistics.median(pairs) if pairs else nan
    rounds = len(before), len(after)
    if not pairs or min(rounds) < 2 or 2 / comb(sum(rounds), rounds[0]) > 1 - SURE:  # one round shows no spread
        why = "not to be told: not measured in one of them" if not pairs else "not to be told: too few rounds"
        return Change(server, connections, active, middle, nan, nan, rounds, why)
    low = next(ratio for ratio in pairs if not _rejected(before, after, ratio * (1 + _BESIDE)))
    high = next(ratio for ratio in reversed(pairs) if not _rejected(before, after, ratio * (1 - _BESIDE)))
    return Change(server, connections, active, middle, low, high, rounds, _verdict(low, high, column))


def _rejected(before: Sequence[float], after: Sequence[float], ratio: float) -> bool:
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu([ratio * value for value in before], after).pvalue <= 1 - SURE)


def _verdict(low: float, high: float, column: str) -> str:
    if low <= 1 <= high:
        return "not to be told"
    return "faster" if (low > 1) == (column in MORE_IS_BETTER) else "slower"
