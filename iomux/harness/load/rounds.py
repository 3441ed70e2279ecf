"""Interleaved rounds: the things compared take turns, so that other work of the machine affects all of them alike.

What the machine did to one run alone is no part of the comparison: such a run is dropped and repeated, a few times.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def rotated(things: Iterable[T], number: int) -> list[T]:
    """The order of round `number`: each round starts with another thing, so that each is first in turn."""
    order = list(things)
    begin = number % len(order)
    return order[begin:] + order[:begin]


class Repeats:
    """Repeats disturbed runs: each at most `most` times, all together at most as often as every fourth of `runs`."""

    def __init__(self, most: int, runs: int) -> None:
        self.dropped = 0
        self._most, self._left = most, -(-runs // 4) if most else 0

    def undisturbed(self, run: Callable[[], T], disturbed: Callable[[T], bool]) -> T:
        """The result of `run`, called again while it is disturbed and may be repeated; the last one is kept."""
        result = run()
        for _ in range(self._most):
            if not self._left or not disturbed(result):
                break
            self._left, self.dropped = self._left - 1, self.dropped + 1
            result = run()
        return result
