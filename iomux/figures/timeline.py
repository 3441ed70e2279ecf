"""The figure of single requests: one bar for each server, from the client's `send` until its `recv` has returned.

A bar is one real request, not a mean of many, so its phases sum to its total. Colours: `iomux.figures.look.phases`.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.axes import Axes

from iomux.figures.look.phases import COLUMNS, left_out, legend, machine_of, not_seen, stacked, without_grid
from iomux.figures.look.style import SIZE_INCHES, in_order, new_axes, plain, style, thousands, under
from iomux.system.units import size_name

if TYPE_CHECKING:
    import pandas as pd

_NARROW = 0.06  # of the longest bar: a piece narrower than this has no room for its number
_ROOM = 1.5  # of the longest bar: the text next to it stays within the axes
_FEWEST_BARS = 2  # room for at least this many bars: a single one does not fill the figure
_LOW_INCHES = {1: 2.6, 2: 3.2}  # the height of a figure with few bars
_RING = "\nio_uring: the bytes come with the notification; send lasts until its completion has been seen"
_SETTINGS: dict[str, Callable[[Any], str]] = {
    "size_bytes": size_name,
    "connections": lambda count: f"{count:,} open",
    "active": lambda count: f"{count:,} active",
}


def timeline(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """One real request as a bar for each server: a typical one, whose total is near the median.

    frame: from `iomux.timeline`, or several of them joined with `pandas.concat`. Timelines of one server that differ
    in size, connections or active connections have a bar each, and its label says so.

    Example:
    >>> ax = iomux.plot.timeline(iomux.timeline("poll", requests=20))
    >>> ax.get_xlabel()
    'µs since the client entered send'
    """
    groups = _runs(frame)
    ax = new_axes(ax, _LOW_INCHES.get(len(groups), SIZE_INCHES[1]))
    labels, names = [label for label, _ in groups], [rows["server"].iloc[0] for _, rows in groups]
    chosen = [_median_request(rows) for _, rows in groups]
    longest = max(float(row["total_us"]) for row in chosen)
    for place, row in enumerate(chosen):
        _bar(ax, place, row, longest)
    ax.set_yticks(range(len(labels)), labels, fontweight="bold")
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(style(name, names).color)
    middle, height = (len(labels) - 1) / 2, max(len(labels), _FEWEST_BARS)
    ax.set_ylim(middle + height / 2, middle - height / 2)
    ax.set_xlim(0, _ROOM * longest)
    ax.xaxis.set_major_formatter(thousands())
    ax.set_xlabel("µs since the client entered send")
    legend(ax)
    note = f"bar: one typical request, its total near the median; {_common(frame)}\n{machine_of(frame)}"
    note += f"\n{missing}" if (missing := left_out(frame)) else ""
    note += _RING if "io_uring" in names else ""
    return without_grid(under(plain(ax, "Where one request's time goes"), note), "y")


def _differing(frame: "pd.DataFrame") -> list[str]:
    return [setting for setting in _SETTINGS if frame[setting].nunique() > 1]


def _runs(frame: "pd.DataFrame") -> "list[tuple[str, pd.DataFrame]]":
    """The rows of each server at each of its settings, with a label that names the settings that differ."""
    differing = _differing(frame)
    found = []
    for keys, rows in frame.groupby(["server", *differing], sort=False):
        name, *values = cast(Any, keys)
        words = [_SETTINGS[setting](value) for setting, value in zip(differing, values, strict=True)]
        found.append((", ".join([name, *words]), rows))
    order = in_order(frame["server"])
    return sorted(found, key=lambda run: order.index(run[1]["server"].iloc[0]))


def _common(frame: "pd.DataFrame") -> str:
    """The settings that all runs share."""
    shared = [setting for setting in _SETTINGS if setting not in _differing(frame)]
    return ", ".join(_SETTINGS[setting](frame[setting].iloc[0]) for setting in shared)


def _median_request(rows: "pd.DataFrame") -> "pd.Series[float]":
    """A real request, not a mean of many: its phases sum to its total.

    It is chosen among the twentieth with the middle totals, as the one whose phases are nearest to the medians: the
    request with the median total may owe it to a phase that is long in no other request.
    """
    ordered, side = rows.sort_values("total_us"), len(rows) // 40
    middle = ordered.iloc[len(rows) // 2 - side : len(rows) // 2 + side + 1]
    off = (middle[COLUMNS] - rows[COLUMNS].median()).abs().sum(axis=1)
    return middle.iloc[int(np.argmin(off))]


def _bar(ax: Axes, place: int, row: "pd.Series[float]", longest: float) -> None:
    whole = stacked(ax, place, row, thick=0.62, upright=False)
    left = 0.0
    for width in row[COLUMNS].fillna(0):
        if width > _NARROW * longest:
            box = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
            ax.annotate(f"{width:,.0f}", (left + width / 2, place), ha="center", va="center", fontsize=8, bbox=box)
        left += width
    copies = "recv, send not seen" if not_seen(row) else f"send {row['send_us']:,.0f} µs"
    if not math.isnan(row["recv_us"]):  # under io_uring the bytes come with the notification
        recv, send, handler = (_short(row[f"{phase}_us"]) for phase in ("recv", "send", "handler"))
        copies = f"recv {recv}, send {send},\nhandler {handler} µs"
    beside: Any = {"textcoords": "offset points", "fontsize": 9}
    ax.annotate(f"{whole:,.0f} µs", (whole, place), (5, 1), **beside, va="bottom", fontweight="bold")
    ax.annotate(copies, (whole, place), (5, -1), **beside | {"fontsize": 8}, va="top")


def _short(us: float) -> str:
    return f"{us:.1f}" if us < 10 else f"{us:,.0f}"
