"""The spread of repeated rounds: the interval that is drawn around a median, and the words that say what it is.

From 6 rounds on, order statistics give an interval that contains the true median with a probability of at least 95 %,
whatever the distribution, as long as the rounds are independent of each other (J.-Y. Le Boudec, "Performance Evaluation
of Computer and Communication Systems", 2010, appendix A). With fewer rounds there is no such interval: then it goes
from the least round to the greatest. Below 10 rounds each of them is drawn too.
"""

from math import comb
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

FEWEST_FOR_INTERVAL, FEWEST_WITHOUT_DOTS = 6, 10
_MISSES = 0.05  # the probability that an interval does not contain the median, at most


class Spread(NamedTuple):
    """The median of some rounds, and the interval around it."""

    median: float
    low: float
    high: float


def spread(values: "pd.Series[float]") -> Spread:
    """The median of these rounds with its interval: of 95 % from 6 rounds on, else from the least to the greatest.

    Example:
    >>> import pandas as pd
    >>> from iomux.figures.look.spread import spread
    >>> spread(pd.Series([3.0, 1.0, 2.0]))
    Spread(median=2.0, low=1.0, high=3.0)
    """
    ordered = np.sort(values.to_numpy(dtype=float))
    beyond = _beyond(len(ordered))
    return Spread(float(np.median(ordered)), float(ordered[beyond]), float(ordered[-1 - beyond]))


def _beyond(rounds: int) -> int:
    """How many rounds lie outside the interval on each side."""
    tail, most = 0.0, 0
    for outside in range(rounds // 2):
        tail += comb(rounds, outside) / 2**rounds
        if 2 * tail > _MISSES:
            break
        most = outside
    return most


def words(rounds: "pd.Series[int]") -> str:
    """What a mark, its bar and the dots are. rounds: how many there are at each level of each server."""
    least, most = int(rounds.min()), int(rounds.max())
    if most == 1:
        return "one round each"
    count = f"{most}" if least == most else f"{least} to {most}"
    bar = "least to greatest" if most < FEWEST_FOR_INTERVAL else "the median's 95 % interval (order statistics)"
    if least < FEWEST_FOR_INTERVAL <= most:
        bar += f", least to greatest below {FEWEST_FOR_INTERVAL} rounds"
    dots = "; dots: single rounds" if least < FEWEST_WITHOUT_DOTS else ""
    return f"mark: median of {count} rounds; bar: {bar}{dots}"
