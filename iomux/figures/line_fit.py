"""A straight line through the medians of a sweep: what a request costs beside so many open connections.

A server that scans its whole list at every call pays a fixed part per request, and a part for each connection.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


class Line(NamedTuple):
    """A straight line: what a request costs with `connections` open is `fixed_us + each_us * connections`."""

    fixed_us: float
    each_us: float
    """Microseconds for each open connection."""
    r_squared: float
    """The share of the points' variance that the line accounts for, at most 1."""

    def at(self, connections: float) -> float:
        """Microseconds that the line gives for this number of connections."""
        return self.fixed_us + self.each_us * connections


def straight_line(
    frame: "pd.DataFrame", column: str = "cpu_us_per_request", upto: int | None = None, relative: bool = False
) -> Line:
    """The least-squares line through one server's medians, one point for each number of connections.

    frame: from `iomux.sweep`, of one server. column: of the frame, with microseconds. upto: leave out the levels with
    more connections. relative: the squares of the errors as shares of what was measured, and not of microseconds.
    Raises ValueError if fewer than three levels were measured: any two points lie on a straight line.

    Example:
    >>> from iomux.figures.line_fit import straight_line
    >>> frame = iomux.sweep("poll", [1, 20, 40], repeats=1, duration=0.05, progress=False)
    >>> straight_line(frame, "p50_us").r_squared <= 1
    True
    """
    points = medians(frame, column, upto)
    if len(points) < 3:
        raise ValueError(f"{len(points)} levels were measured: a line that can be wrong needs three")
    x, y = points.index.to_numpy(dtype=float), points.to_numpy(dtype=float)
    weights = _weights(y, relative)
    each, fixed = np.polyfit(x, y, 1, w=weights)
    spread = float(((weights * (y - np.average(y, weights=weights**2))) ** 2).sum())
    left = float(((weights * (y - fixed - each * x)) ** 2).sum())
    return Line(float(fixed), float(each), 1 - left / spread if spread else 1.0)


def slope_error(frame: "pd.DataFrame", column: str, upto: int | None, relative: bool) -> float:
    """The standard error of the slope, in microseconds for each open connection, from all the runs."""
    x, y = _upto(frame, upto)[["connections", column]].dropna().to_numpy(dtype=float).T
    _, covariance = np.polyfit(x, y, 1, w=_weights(y, relative), cov=True)
    return float(np.sqrt(covariance[0, 0]))


def medians(frame: "pd.DataFrame", column: str, upto: int | None) -> "pd.Series[float]":
    """The median of each level up to `upto`, without those that have none."""
    return _upto(frame, upto).groupby("connections")[column].median().dropna()


def _weights(y: Any, relative: bool) -> Any:
    return 1 / y if relative else np.ones_like(y)


def _upto(frame: "pd.DataFrame", upto: int | None) -> "pd.DataFrame":
    return frame if upto is None else frame[frame["connections"] <= upto]
