"""The figure of what a connection costs by merely being open: a straight line, and its slope is the price.

A server that looks at its whole list at every call pays a fixed part a request, and a part for each
connection. On axes that both begin at nought the first is where the line starts, the second its slope.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from iomux.style import drawn, new_axes, plain, style, thousands, under

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {"p50_us": "median latency", "cpu_us_per_request": "server CPU a request"}
LATENCY_AND_CPU = ("p50_us", "cpu_us_per_request")


class Line(NamedTuple):
    """A straight line: what a request costs with `connections` open is `fixed_us + each_us * connections`."""

    fixed_us: float
    each_us: float
    """Microseconds for each open connection."""
    r_squared: float
    """The share of the points' variance that the line accounts for, at most 1."""

    def at(self, connections: float) -> float:
        """Microseconds that the line gives for so many connections."""
        return self.fixed_us + self.each_us * connections


def straight_line(frame: "pd.DataFrame", column: str = "cpu_us_per_request", upto: int | None = None) -> Line:
    """The line of least squares through one server's medians, a point a number of connections.

    frame: from `iomux.sweep`, of one server. upto: leave out the levels beyond. Raises ValueError where fewer
    than three levels were measured: through two points every line is straight.
    """
    points = _medians(frame, column, upto)
    if len(points) < 3:
        raise ValueError(f"{len(points)} levels were measured: a line that can be wrong needs three")
    x, y = points.index.to_numpy(dtype=float), points.to_numpy(dtype=float)
    each, fixed = np.polyfit(x, y, 1)
    spread = float(((y - y.mean()) ** 2).sum())
    left = float(((y - fixed - each * x) ** 2).sum())
    return Line(float(fixed), float(each), 1 - left / spread if spread else 1.0)


def _medians(frame: "pd.DataFrame", column: str, upto: int | None) -> "pd.Series[float]":
    rows = frame if upto is None else frame[frame["connections"] <= upto]
    return rows.groupby("connections")[column].median().dropna()


def growth(
    frame: "pd.DataFrame", ax: Axes | None = None, columns: Sequence[str] = LATENCY_AND_CPU, upto: int | None = None
) -> Axes:
    """Latency and processor time against open connections, linear axes from nought, a straight line fitted to each.

    frame: from `iomux.sweep`, of one or more servers. Filled: latency; hollow: the server's processor time. The
    line is fitted to the levels up to `upto` (by default all) and drawn on, dotted, beyond it. A bar goes from
    the least run to the greatest. A server with fewer than three levels measured gets no line.
    """
    ax = new_axes(ax)
    names = list(dict.fromkeys(frame["server"]))
    for name in names:
        for column in columns:
            _points(ax, frame[frame["server"] == name], column, upto, names)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter(thousands())
    ax.yaxis.set_major_formatter(thousands())
    ax.set_xlabel("open connections, one of them active")
    ax.set_ylabel("a request, µs")
    ax.legend(frameon=False, loc="upper left")
    note = drawn(frame).replace("line: ", "mark: ").replace("band", "bar")
    return under(plain(ax, "What an open connection costs"), f"{note}; {frame.attrs.get('machine', '')}")


def _points(ax: Axes, rows: "pd.DataFrame", column: str, upto: int | None, names: list[str]) -> None:
    server, hollow = rows["server"].iloc[0], column == "cpu_us_per_request"
    look, label = style(server, names), f"{server}, {_NAMES.get(column, column)}"
    spread = rows.groupby("connections")[column].agg(["median", "min", "max"]).dropna()
    if len(spread[spread.index <= (upto or np.inf)]) >= 3:
        line = straight_line(rows, column, upto)
        label += f": {line.fixed_us:,.0f} µs {line.each_us:+.2f} µs a connection".replace("+", "+ ").replace("-", "− ")
        end = float(upto or spread.index.max())
        most = float(spread.index.max())
        ax.plot([0, end], [line.at(0), line.at(end)], color=look.color, linewidth=1, dashes=(4, 2) if hollow else ())
        ax.plot([end, most], [line.at(end), line.at(most)], ":", color=look.color, linewidth=1)
    middle = spread["median"]
    bars = [middle - spread["min"], spread["max"] - middle]
    ax.errorbar(
        spread.index, middle, bars, fmt=look.marker, color=look.color, elinewidth=1, capsize=3, markersize=8,
        markerfacecolor="white" if hollow else look.color, label=label, clip_on=False, zorder=3,
    )  # fmt: skip
