"""Disturbed runs of a sweep: what the machine did to one run alone is no part of a comparison, so it is repeated."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


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
