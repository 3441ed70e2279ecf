"""The printed figures of a benchmark, and the bounds that some of them have to meet."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from iomux.harness.load.rounds import of_rounds


@dataclass(frozen=True)
class Bound:
    """A bound for a figure: in words, and as a test of its rounds."""

    words: str
    holds: Callable[[Sequence[float]], bool]


def at_least(number: float) -> Bound:
    """The median is at least this."""
    return Bound(f"at least {number:,g}", lambda values: statistics.median(values) >= number)


def at_most(number: float) -> Bound:
    """The median is at most this."""
    return Bound(f"at most {number:,g}", lambda values: statistics.median(values) <= number)


def between(low: float, high: float) -> Bound:
    """The median is between the two, or one of them."""
    return Bound(f"between {low:,g} and {high:,g}", lambda values: low <= statistics.median(values) <= high)


def never_less_than(number: float) -> Bound:
    """No round is less than this, for an event that must never happen, whatever the noise."""
    return Bound(f"never less than {number:,g}", lambda values: min(values) >= number)


def never_more_than(number: float) -> Bound:
    """No round is greater than this."""
    return Bound(f"never more than {number:,g}", lambda values: max(values) <= number)


@dataclass(frozen=True)
class Figure:
    """A measured quantity: one value for each round, none if it was not measured; and its bound, if any."""

    label: str
    values: Sequence[float]
    unit: str = ""
    bound: Bound | None = None

    @property
    def met(self) -> bool:
        """Whether the figure was measured and its bound holds."""
        measured = bool(self.values) and not any(map(math.isnan, self.values))
        return measured and (self.bound is None or self.bound.holds(self.values))

    def __str__(self) -> str:
        found = f"{self.label:<58} {'not measured':>10}"
        if self.values:
            middle, low, high, meaning = of_rounds(self.values)
            ends = f"{_digits(low)} to {_digits(high)}, " if len(self.values) > 1 else ""
            found = f"{self.label:<58} {_digits(middle):>10} {self.unit:<8} ({ends}{meaning})"
        return f"{found}  {self.bound.words}: {'met' if self.met else 'NOT MET'}" if self.bound else found


def _digits(value: float) -> str:
    """At least three digits that count, so that what just misses a bound does not look as if it met it."""
    return f"{value:,.3f}" if abs(value) < 10 else f"{value:,.1f}"


Line = Figure | str
"""A benchmark yields figures and remarks."""


def show(lines: Iterable[Line]) -> list[Figure]:
    """Print each line as it comes, and return the figures that have a bound."""
    bounded = []
    for line in lines:
        print(line, flush=True)
        if isinstance(line, Figure) and line.bound:
            bounded.append(line)
    return bounded


def verdict(bounded: Sequence[Figure]) -> str:
    """Say how many of the bounds are met, and which are not."""
    unmet = [figure.label for figure in bounded if not figure.met]
    count = f"{len(bounded) - len(unmet)} of {len(bounded)} bounds met"
    return f"{count}; not met: {'; '.join(unmet)}" if unmet else count


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """The ratios of two lists of values, round by round."""
    return [a / b for a, b in zip(above, below, strict=True)]
