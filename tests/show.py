"""How a benchmark shows what it has measured."""

import statistics
from collections.abc import Sequence


def show(label: str, values: Sequence[float], unit: str = "") -> None:
    """One line: median, and the range of the rounds."""
    low, middle, high = min(values), statistics.median(values), max(values)
    print(f"{label:<58} {middle:>10,.2f} {unit:<8} ({low:,.2f} to {high:,.2f} in {len(values)} rounds)")


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """The ratio within each round."""
    return [a / b for a, b in zip(above, below, strict=True)]
