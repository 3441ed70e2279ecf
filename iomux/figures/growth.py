"""The figure of the cost of an open connection: a straight line, whose slope is the cost of each one.

On axes that both start at 0 the fixed part of a request is where the line starts, and the cost of a connection is its
slope. On logarithmic axes the line is bent: level as long as the fixed part outweighs. There equal heights are equal
factors, so the line is fitted by relative errors: by absolute ones it would pass far below the marks of few
connections, only to be a little nearer to those of many.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from iomux.figures.line_fit import Line, medians, slope_error, straight_line
from iomux.figures.look.lines import draw_dots, drawn
from iomux.figures.look.notes import arrivals, doubts, note, under
from iomux.figures.look.paper import new_axes, plain
from iomux.figures.look.style import Style, in_order, log_ticks, spread, style, thousands

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {"p50_us": "median latency", "cpu_us_per_request": "server CPU per request"}
LATENCY_AND_CPU = ("p50_us", "cpu_us_per_request")
_BESIDE = 1.6  # room before the first level and after the last on a logarithmic axis, as a factor
_LEGEND = 0.3  # room above what was measured, as a share of its height
_LOG = " (log scale)"
_POINTS_A_LINE = 200  # for logarithmic axes, on which a straight line is bent


def growth(
    frame: "pd.DataFrame",
    ax: Axes | None = None,
    columns: Sequence[str] = LATENCY_AND_CPU,
    upto: int | None = None,
    scale: Literal["linear", "log"] = "linear",
) -> Axes:
    """Latency and processor time against open connections, a straight line fitted to each.

    frame: from `iomux.sweep`, of one or more servers. columns: those to draw, in microseconds; filled: latency, hollow:
    the server's processor time. The line is fitted to the levels up to `upto` (by default all; by relative errors on
    logarithmic axes) and continued, dotted, beyond it. A slope that does not exceed its standard error is called level.
    A bar is the spread of the rounds, as in `iomux.plot.latency`. With fewer than three levels there is no line. scale:
    of both axes; linear axes start at 0.

    Example:
    >>> frame = iomux.sweep("poll", [1, 20, 40], repeats=2, duration=0.05, progress=False)
    >>> ax = iomux.plot.growth(frame)
    >>> ax.get_ylabel()
    'time per request, µs'
    """
    ax = new_axes(ax)
    _scale(ax, frame, columns, scale)
    names, alone = in_order(frame["server"]), len(columns) == 1
    series = [
        _Series(
            rows,
            column,
            upto,
            scale == "log",
            style(name, names),
            name if alone else f"{name}, {_NAMES.get(column, column)}",
        )
        for name, rows in ((name, frame[frame["server"] == name]) for name in names)
        for column in columns
    ]
    handles = [handle for one in series for handle in _draw(ax, one)]
    ax.set_xlabel(f"open connections, one active{_LOG if scale == 'log' else ''}")
    what = _NAMES.get(columns[0], columns[0]) if alone else "time per request"
    ax.set_ylabel(f"{what}, µs{_LOG if scale == 'log' else ''}")
    ax.legend(handles=handles, frameon=False, loc="upper left")
    plain(ax, what[0].upper() + what[1:] if alone else "What an open connection costs")
    return under(ax, _below(frame, columns[0], any("±" in handle.get_label() for handle in handles)))


def _below(frame: "pd.DataFrame", column: str, with_errors: bool) -> str:
    """The note. From run to run a slope may differ by more than its error, which is that of one run's marks."""
    error = "±: standard error of the fit in this one run" if with_errors else ""
    marks = drawn(frame, column, joined=False)
    return note(marks, error, arrivals(frame), doubts(frame), frame.attrs.get("machine", ""))


class _Series(NamedTuple):
    """One quantity of one server."""

    rows: "pd.DataFrame"
    column: str
    upto: int | None
    relative: bool
    look: Style
    what: str

    @property
    def hollow(self) -> bool:
        return self.column == "cpu_us_per_request"


def _scale(ax: Axes, frame: "pd.DataFrame", columns: Sequence[str], scale: Literal["linear", "log"]) -> None:
    """Set the range of both axes from what will be drawn on them."""
    most, x = float(np.nanmax(frame[list(columns)])), frame["connections"]
    ax.set(xscale=scale, yscale=scale)
    if scale == "log":
        least = float(np.nanmin(frame[list(columns)]))
        ax.set_xlim(x.min() / _BESIDE, x.max() * _BESIDE)
        ax.set_ylim(least / _BESIDE, most * (most / least) ** _LEGEND * _BESIDE)
        log_ticks(ax.xaxis)
        log_ticks(ax.yaxis)
        return
    ax.set_xlim(-0.04 * x.max(), 1.05 * x.max())
    ax.set_ylim(0, most * (1 + _LEGEND))
    ax.xaxis.set_major_formatter(thousands())
    ax.yaxis.set_major_formatter(thousands())


def _draw(ax: Axes, series: _Series) -> list[Any]:
    """Draw marks and bars, and the line; return the handles for the legend."""
    rows, color, label = series.rows, series.look.color, series.what
    measured = rows[rows[series.column].notna()]
    found = {level: spread(rounds) for level, rounds in measured.groupby("connections")[series.column]}
    levels = np.array(list(found), dtype=float)
    beyond: list[Any] = []
    if len(medians(rows, series.column, series.upto)) >= 3:
        line, words = _line(series)
        label += f": {words}"
        beyond = _draw_line(ax, series, line, levels)
    low, middle, high = np.array([(each.low, each.median, each.high) for each in found.values()]).reshape(-1, 3).T
    draw_dots(ax, measured, series.column, series.look)
    bars = ax.errorbar(
        levels, middle, [middle - low, high - middle], fmt=series.look.marker, color=color, elinewidth=1, capsize=3,
        markersize=8, markerfacecolor="white" if series.hollow else color, label=label, clip_on=False, zorder=3,
    )  # fmt: skip
    return [bars, *beyond]


def _line(series: _Series) -> tuple[Line, str]:
    """The line to draw, and its words: its start and its slope, or that it is level."""
    line = straight_line(series.rows, series.column, series.upto, series.relative)
    error = slope_error(series.rows, series.column, series.upto, series.relative)
    if line.each_us <= error:
        middle = float(medians(series.rows, series.column, series.upto).median())
        return Line(middle, 0.0, 0.0), f"{middle:,.0f} µs, level within its error"
    digits = 2 if error < 1e-5 else min(5, max(2, math.ceil(-math.log10(error))))  # shows the error's first digit
    words = f"{line.fixed_us:,.0f} µs + {line.each_us:.{digits}f} ± {error:.{digits}f} µs a connection"
    return line, words.replace("-", "−")


def _draw_line(ax: Axes, series: _Series, line: Line, levels: Any) -> list[Any]:
    """Draw the line, dotted beyond the levels that it was fitted to; return the dotted part, if there is one."""
    first, end, most = float(levels.min()), float(series.upto or levels.max()), float(levels.max())
    look: Any = {"color": series.look.color, "linewidth": 1}
    fitted, beyond = np.linspace(first, end, _POINTS_A_LINE), np.linspace(end, most, _POINTS_A_LINE)
    ax.plot(fitted, [line.at(x) for x in fitted], dashes=(4, 2) if series.hollow else (), **look)
    if most <= end:
        return []
    words = f"{series.what}: line of the first {series.upto:,}, continued"
    return ax.plot(beyond, [line.at(x) for x in beyond], ":", label=words, **look)
