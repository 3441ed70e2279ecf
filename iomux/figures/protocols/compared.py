"""Several quantities of the same servers side by side: a panel for each quantity, a row for each server.

For runs that were made at one load only, by a real client: a line against connections would have one point. All panels
have the servers in the same rows, in the course's order, so that a row is read from left to right.
"""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from iomux.figures.look.notes import doubts, note, under
from iomux.figures.look.paper import DOTS_PER_INCH, LABEL, plain
from iomux.figures.look.style import in_order, style, thousands
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_WIDTH_INCHES, _ROW_INCHES, _REST_INCHES = 10.0, 0.42, 1.7
_NOTE_INCHES, _TITLE_INCHES = 0.5, 0.35
_LETTERS = 130  # that fit below all panels
_ROOM = 1.35  # of the axis, beyond the longest bar: for its number


def compared(frame: "pd.DataFrame", panels: Mapping[str, str], title: str = "") -> Axes:
    """Draw a panel for each column, with a bar for each server from 0 to its median; return the first panel's axes.

    frame: a row for each run, with a column `server`, and others with numbers; NaN where a server did not serve, which
    is said in its place. panels: the columns to draw, each with the words above its panel, which have the unit. Single
    rounds are dots. A column `doubts`, as that of `iomux.sweep`, is said below. `.attrs["machine"]` says where it was
    measured, if that was not here, and `.attrs["tool"]` by what.

    Example:
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"server": ["select", "epoll"], "p99_us": [900.0, 700.0]})
    >>> ax = iomux.plot.compared(frame, {"p99_us": "99 % are answered within, µs"}, "Two servers")
    >>> ax.get_title(loc="left")
    '99 % are answered within, µs'
    """
    names = in_order(frame["server"])
    height = _REST_INCHES + _ROW_INCHES * len(names)
    size: Any = {"figsize": (_WIDTH_INCHES, height), "dpi": DOTS_PER_INCH}
    figure, places = plt.subplots(1, len(panels), sharey=True, squeeze=False, layout="constrained", **size)
    low, high = _NOTE_INCHES / height, 1 - _TITLE_INCHES / height
    figure.get_layout_engine().set(rect=(0, low, 1, high - low))
    for ax, (column, words) in zip(places[0], panels.items(), strict=True):
        _panel(ax, frame, column, names)
        plain(ax, words).grid(False, axis="y")
    figure.suptitle(title, x=0.01, y=0.98, ha="left", fontweight="bold", fontsize=LABEL + 1)
    first: Axes = places[0][0]
    first.set_yticks(range(len(names)), names, fontweight="bold")
    for tick, name in zip(first.get_yticklabels(), names, strict=True):
        tick.set_color(style(name, names).color)
    rounds = frame.groupby("server").size()
    marks = f"bar: median of {rounds.max()} rounds; dots: single rounds" if rounds.max() > 1 else "one round each"
    tool = f"measured by {frame.attrs['tool']}" if frame.attrs.get("tool") else ""
    text = note(marks, tool, doubts(frame), frame.attrs.get("machine", describe()))
    under(first, text)
    first.texts[-1].set(text=textwrap.fill(text, _LETTERS), in_layout=False)  # wider than its panel, which stays narrow
    figure.draw_without_rendering()  # lays out
    figure.set_layout_engine("none")
    first.texts[-1].set_in_layout(True)  # and yet a stored figure, cut to what is drawn, has it
    return first


def _panel(ax: Axes, frame: "pd.DataFrame", column: str, names: list[str]) -> None:
    most = float(frame[column].max())
    ax.set_xlim(0, most * _ROOM)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.xaxis.set_major_formatter(thousands() if most >= 20 else "{x:g}")
    ax.xaxis.set_major_locator(MaxNLocator(4))
    for place, name in enumerate(names):
        values, look = frame.loc[frame["server"] == name, column].dropna(), style(name, names)
        beside: Any = {"textcoords": "offset points", "va": "center", "color": look.color, "fontweight": "bold"}
        if values.empty:
            ax.annotate("not served", (0, place), (4, 0), **beside)
            continue
        middle = float(values.median())
        ax.barh(place, middle, 0.5, color=look.color, alpha=0.85)
        if len(values) > 1:
            ax.plot(values, [place] * len(values), look.marker, color=look.color, markeredgecolor="white", markersize=6)
        ax.annotate(_number(middle), (float(values.max()), place), (6, 0), **beside)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
