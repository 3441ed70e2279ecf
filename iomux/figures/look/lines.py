"""Lines through measured levels: a mark for each median, its interval, the single rounds, and no line over a gap.

Between two levels nothing was measured. A line there is a guess, and over more than a decade it hides what happens in
between: poll's latency is level up to some 300 connections and climbs from there, which a line from 1 to 1,000 does not
show. So two levels are joined only if the greater is at most 10 times the lesser.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from iomux.figures.look.axes import End, log_ticks, name_ends
from iomux.figures.look.mechanisms import in_order, style
from iomux.figures.look.spread import FEWEST_WITHOUT_DOTS, Spread, spread, words

if TYPE_CHECKING:
    import pandas as pd

    from iomux.figures.look.mechanisms import Style

MOST_JOINED = 10.0
"""The greatest ratio of two neighbouring levels that a line joins."""
LEAST_SPAN = 5.0
"""The least ratio between the top and the bottom of a logarithmic vertical axis."""
_DOTS: Any = {"s": 60, "alpha": 0.5, "linewidths": 0, "zorder": 1.9}


def gaps(levels: Sequence[float]) -> list[int]:
    """The places of the levels that are not joined to the one before: more than a decade lies between them.

    Example:
    >>> from iomux.figures.look.lines import gaps
    >>> gaps([1, 10, 101, 900])
    [2]
    """
    return [place for place in range(1, len(levels)) if levels[place] > MOST_JOINED * levels[place - 1]]


def broken(values: Sequence[float], levels: Sequence[float]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """The values with a NaN at each gap between their levels: there matplotlib interrupts a line."""
    return np.insert(np.asarray(values, dtype=float), gaps(levels), np.nan)


def lines(ax: Axes, frame: "pd.DataFrame", column: str, scale: str) -> None:
    """One line for each server through the medians of its rounds, their spread, the name at its end."""
    ends = medians(ax, frame, column)
    against(ax, "open connections", scale)
    name_ends(ax, ends)


def medians(ax: Axes, frame: "pd.DataFrame", column: str) -> list[End]:
    """Draw a line and the spread for each server; return the lines' ends, which are named once the axes are set."""
    names = in_order(frame["server"])
    ends = []
    for name in names:
        look, rows = style(name, names), frame[(frame["server"] == name) & frame[column].notna()]
        if rows.empty:
            continue
        found = {level: spread(rounds) for level, rounds in rows.groupby("connections")[column]}
        x, middle = [float(level) for level in found], [each.median for each in found.values()]  # type: ignore[arg-type]
        draw_spread(ax, x, list(found.values()), look)
        draw_dots(ax, rows, column, look)
        line: Any = {"color": look.color, "marker": look.marker, "linestyle": look.dash, "label": name}
        ax.plot(broken(x, x), broken(middle, x), linewidth=2, **line)
        ends.append((x[-1], middle[-1], name, look.color))
    return ends


def draw_spread(ax: Axes, x: Sequence[float], found: Sequence[Spread], look: "Style") -> None:
    """Draw each interval as an upright bar: between two levels no spread was measured."""
    low, high = [each.low for each in found], [each.high for each in found]
    ax.vlines(x, low, high, color=look.color, linewidth=1.4, alpha=0.8, zorder=1.8)


def draw_dots(
    ax: Axes,
    rows: "pd.DataFrame",
    column: str,
    look: "Style",
    across: str = "connections",
) -> None:
    """Draw each round of one server where there are too few for the interval to say it all, but more than one."""
    few = rows[rows.groupby(across)[column].transform("size").between(2, FEWEST_WITHOUT_DOTS - 1)]
    ax.scatter(few[across], few[column], color=look.color, marker=".", **_DOTS)


def against(ax: Axes, across: str, scale: str) -> None:
    """Set a logarithmic horizontal axis with room for the lines' names, and a vertical one of this scale."""
    ax.margins(x=0.1)
    ax.set_yscale(scale)
    if scale == "log":
        _widen(ax)
        log_ticks(ax.yaxis)
    else:
        ax.set_ylim(bottom=0)
    ax.set_xscale("log")
    log_ticks(ax.xaxis)
    ax.set_xlabel(across if "log" in across else f"{across} (log scale)")


def _widen(ax: Axes) -> None:
    """Widen a logarithmic axis that spans little: it has no 0, and a few per cent would look like a cliff."""
    low, high = ax.get_ylim()
    if low > 0 and high / low < LEAST_SPAN:
        middle, half = (low * high) ** 0.5, LEAST_SPAN**0.5
        ax.set_ylim(middle / half, middle * half)


def drawn(frame: "pd.DataFrame", column: str, joined: bool = True) -> str:
    """Say what a mark, its bar and the dots are, and which levels are not `joined` although the others are.

    column: of the frame, the one that is drawn.
    """
    measured = frame[frame[column].notna()]
    if measured.empty:
        return "nothing was measured"
    said = words(measured.groupby(["server", "connections"]).size())
    apart = joined and any(gaps(sorted(rows["connections"].unique())) for _, rows in measured.groupby("server"))
    return f"{said}; not joined: levels more than a decade apart" if apart else said
