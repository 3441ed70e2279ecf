"""Interleaved rounds: the things compared take turns, so that other work of the machine affects all of them alike.

What is said of the rounds is their median and an interval. Rounds are as independent as the machine lets them be; the
samples of one run are not. What the machine did to one run alone is no part of a comparison: such a run is repeated.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from iomux import servers
from iomux.harness.load.percentiles import interval
from iomux.system.limits import check_whole

T = TypeVar("T")

_MOST_AGAIN, _MOST_IN_VAIN = 10, 3
FEWEST = 6
"""With fewer rounds even least to greatest is no 95 % interval of the median: all lie on one side in 2 of 2^n cases."""


def rotated(things: Iterable[T], number: int) -> list[T]:
    """The order of round `number`: each round starts with another thing, so that each is first in turn."""
    order = list(things)
    begin = number % len(order)
    return order[begin:] + order[:begin]


def check_rounds(
    chosen: Sequence[object], connections: Sequence[int], active: int | None, repeats: int, again: int
) -> None:
    """Raise ValueError for rounds that can't be: of no server, at no level, or too few of them."""
    check_whole(repeats=repeats, active=1 if active is None else active, again=again)
    if not chosen:
        raise ValueError(f"no server was named: choose from {', '.join(servers.names())}")
    if not connections or min(connections) < 1:
        raise ValueError(f"connections is {list(connections)}: give one or more numbers, each at least 1")
    if active is not None and not 1 <= active <= max(connections):
        raise ValueError(f"active is {active}: choose from 1 to the most connections, which is {max(connections)}")
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}: at least 1 is needed")
    if not 0 <= again <= _MOST_AGAIN:
        raise ValueError(f"again is {again}: choose 0 to {_MOST_AGAIN}, how often a disturbed run is repeated")


class Middle(NamedTuple):
    """The median of some rounds, and an interval."""

    median: float
    low: float
    high: float
    meaning: str
    """What `low` and `high` are: a 95 % interval of the median, or the least and the greatest."""


def of_rounds(values: Sequence[float]) -> Middle:
    """The median of one value for each round, with its 95 % interval; below six rounds, the least and the greatest.

    Example:
    >>> from iomux.harness.load.rounds import of_rounds
    >>> of_rounds([3, 1, 2])
    Middle(median=2, low=1, high=3, meaning='least to greatest of 3 rounds')
    """
    ordered = sorted(values)
    middle = statistics.median(ordered)
    if len(ordered) == 1:
        return Middle(middle, middle, middle, "one round")
    if len(ordered) < FEWEST:
        return Middle(middle, ordered[0], ordered[-1], f"least to greatest of {len(ordered)} rounds")
    return Middle(middle, *interval(ordered, 0.5), f"95 % interval of the median, {len(ordered)} rounds")


class Repeats:
    """Repeats disturbed runs: each at most `most` times, all together at most as often as every fourth of `runs`.

    It ends with three in a row that were disturbed as well: on a machine that stays busy they only take time.
    """

    def __init__(self, most: int, runs: int) -> None:
        self.dropped = 0
        self._most, self._left, self._in_vain = most, -(-runs // 4) if most else 0, 0

    def undisturbed(self, run: Callable[[], T], disturbed: Callable[[T], bool]) -> T:
        """The result of `run`, called again while it is disturbed and may be repeated; the last one is kept."""
        result = run()
        for _ in range(self._most):
            if not self._left or self._in_vain == _MOST_IN_VAIN or not disturbed(result):
                break
            self._left, self.dropped = self._left - 1, self.dropped + 1
            result = run()
            self._in_vain = self._in_vain + 1 if disturbed(result) else 0
        return result
