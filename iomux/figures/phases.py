"""The figures of a timeline's phases against concurrency: shares of all phases, microseconds of the server's."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import Normal, Stroke

from iomux.figures.look.phases import (
    COLUMNS,
    LOOKS,
    active_in,
    left_out,
    legend,
    machine_of,
    one_experiment,
    stacked,
    without_grid,
)
from iomux.figures.look.style import End, broken, gaps, in_order, log_ticks, name_ends, new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd


def phases(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The share of each phase, stacked, for each server at each number of connections.

    frame: timelines of several servers and numbers of connections, joined with `pandas.concat`. The number above
    each bar is its total. Phases and total are means over the middle half of the requests by total: means add up,
    and one long pause does not move them. Raises ValueError for an empty frame, and for timelines of one server
    that differ in `size_bytes` or `active`.

    Example:
    >>> ax = iomux.plot.phases(iomux.timeline("poll", requests=20))
    >>> ax.get_ylabel()
    "share of the request's time, %"
    """
    one_experiment(frame)
    ax = new_axes(ax)
    names, levels = in_order(frame["server"]), sorted(frame["connections"].unique())
    places: list[float] = []
    labels: list[str] = []
    for group, level in enumerate(levels):
        here = frame[frame["connections"] == level]
        present = [name for name in names if name in set(here["server"])]
        for number, name in enumerate(present):
            places.append(group * (len(names) + 0.8) + number)
            labels.append(name)
            _column(ax, places[-1], here[here["server"] == name])
        middle = places[-1] - (len(present) - 1) / 2
        ax.annotate(f"{level:,} open", (middle, 0), (0, -30), **_BELOW)
    ax.set_xticks(places, labels)
    for tick, name in zip(ax.get_xticklabels(), labels, strict=True):
        tick.set_color(style(name, names).color)
        tick.set_fontsize(8)
    ax.set_ylim(0, 112)
    ax.set_yticks(range(0, 101, 20))
    ax.set_ylabel("share of the request's time, %")
    legend(ax)
    requests = f"means of the middle half of {len(frame) // len(places):,} requests per bar"
    note = f"{requests}, their total above it; {active_in(frame)} active; {machine_of(frame)}"
    note += f"\n{missing}" if (missing := left_out(frame)) else ""
    under(plain(ax, "The phases against concurrency"), f"\n\n{note}")
    return without_grid(ax, "x")


def _column(ax: Axes, place: float, rows: "pd.DataFrame") -> None:
    tail = len(rows) // 4
    middle = rows.sort_values("total_us")[COLUMNS].iloc[tail : len(rows) - tail]
    means = middle.fillna(0).mean().where(middle.notna().any())  # a phase that was never seen stays NaN
    whole = float(means.sum())
    stacked(ax, place, 100 * means / whole, thick=0.85, upright=True)
    ax.annotate(f"{whole:,.0f}\nµs", (place, 101), ha="center", va="bottom", fontsize=8)


_BELOW: Any = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "ha": "center",
    "fontweight": "bold",
    "annotation_clip": False,
}

MARKERS = {"notify": "o", "recv": "s", "handler": "D", "send": "^"}
"""The server's phases, in order, and the marker of each."""
_CLOSE = 1.3  # decades: two numbers that are less than this apart would touch
_APART = 1.0  # decades of space between two servers on the axis


def phase_times(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The server's phases (notify, recv, handler, send) in µs against open connections, log-log, server by server.

    frame: timelines of several servers and numbers of connections, joined with `pandas.concat`. A line
    joins the medians of the requests, a bar is their middle half; all servers share the vertical scale. Levels more
    than a decade apart are not joined. A phase that was not seen of a server has no line there. Raises ValueError for
    an empty frame, and for timelines of one server that differ in `size_bytes` or `active`.

    Example:
    >>> ax = iomux.plot.phase_times(iomux.timeline("poll", requests=20))
    >>> ax.get_ylabel()
    'time of a phase, µs (log scale)'
    """
    one_experiment(frame)
    ax = new_axes(ax)
    names, levels = in_order(frame["server"]), sorted(frame["connections"].unique())
    step = float(np.log10(levels[-1] / levels[0])) + _APART
    ticks: list[tuple[float, str]] = []
    ends: list[End] = []
    for number, name in enumerate(names):
        rows = frame[frame["server"] == name]
        places = {level: number * step + float(np.log10(level / levels[0])) for level in rows["connections"].unique()}
        lines = [_line(ax, rows, phase, places) for phase in MARKERS if rows[f"{phase}_us"].notna().any()]
        ends = lines or ends
        if not lines:
            _head(ax, number * step + (step - _APART) / 2, "seen from\noutside only", "#777777", 0.6)
        ticks += _ticks(places)
        _head(ax, number * step + (step - _APART) / 2, name, style(name, names).color)
    ax.set_xticks([place for place, _ in ticks], [label for _, label in ticks], fontsize=8)
    ax.set_xlim(-_APART / 2, len(names) * step - _APART / 2)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * 2)  # room for the servers' names
    if ends:
        log_ticks(ax.yaxis)
    else:
        ax.set_yticks([], [])  # nothing is drawn: numbers would be of nothing
    ax.set_xlabel("open connections (log scale)")
    ax.set_ylabel("time of a phase, µs (log scale)")
    for number in range(1, len(names)):
        ax.axvline(number * step - _APART / 2, color="#bbbbbb", linewidth=0.8)
    name_ends(ax, ends)
    apart = "levels more than a decade apart are not joined; " if gaps(levels) else ""
    what = f"mark: median of the requests; bar: their middle half; {apart}{active_in(frame)} active"
    note = f"{what}; {machine_of(frame)}"
    return under(plain(ax, "The phases in microseconds"), note)


def _line(ax: Axes, rows: "pd.DataFrame", phase: str, places: dict[int, float]) -> End:
    """Draw one phase of one server; return where its line ends, its name, and a colour in which the name is legible."""
    look, column = LOOKS[phase], rows.groupby("connections")[f"{phase}_us"]
    ink = "#{:02x}{:02x}{:02x}".format(*(round(255 * 0.6 * part) for part in to_rgb(look.color)))
    middle = column.median()
    x = [places[level] for level in middle.index]
    ax.vlines(x, column.quantile(0.25), column.quantile(0.75), color=ink, linewidth=1.4, alpha=0.8)
    outline = [Stroke(linewidth=4, foreground=ink), Normal()]  # a pale colour alone would not show on this background
    joined = broken(x, list(middle.index)), broken(list(middle), list(middle.index))
    ax.plot(*joined, color=look.color, linewidth=2.5, path_effects=outline, label=phase)
    ax.plot(x, middle, MARKERS[phase], color=look.color, markeredgecolor=ink, markersize=7)
    return x[-1], float(middle.iloc[-1]), phase, ink


def _ticks(places: dict[int, float]) -> list[tuple[float, str]]:
    """Where each level stands and its number, a line lower if the number before it is close by and is not lower."""
    ticks: list[tuple[float, str]] = []
    for level, place in sorted(places.items()):
        close = bool(ticks) and place - ticks[-1][0] < _CLOSE and not ticks[-1][1].startswith("\n")
        ticks.append((place, f"\n{level:,}" if close else f"{level:,}"))
    return ticks


def _head(ax: Axes, place: float, name: str, color: str, height: float = 0.97) -> None:
    ax.annotate(
        name, (place, height), xycoords=("data", "axes fraction"), color=color, ha="center", va="top", fontweight="bold"
    )
