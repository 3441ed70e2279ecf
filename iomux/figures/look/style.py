"""The style of every figure: colour, marker and dash of each mechanism, and the common frame.

A mechanism has the same style in every figure, and lines differ in marker and dash as well as in colour.
Colours: Okabe and Ito's palette, made for colour-blind readers ("Color Universal Design", 2008).
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from iomux.figures.look.axes import End as End
from iomux.figures.look.axes import log_ticks as log_ticks
from iomux.figures.look.axes import name_ends as name_ends
from iomux.figures.look.doubtful import doubtful

if TYPE_CHECKING:
    import pandas as pd

LEAST_SPAN = 5.0
"""The least ratio between the top and the bottom of a logarithmic vertical axis."""
SIZE_INCHES, DOTS_PER_INCH = (8.0, 4.8), 110
"""The size of a figure, fixed: nbval compares the text `<Figure size 880x528 ...>`."""
_PAIR_INCHES = (11.0, 4.8)
_NARROW, _NARROW_LETTERS = 0.5, 85  # narrow axes: their share of the figure's width, and the letters that fit below


class Style(NamedTuple):
    """How one mechanism is drawn everywhere."""

    color: str
    marker: str
    dash: str | tuple[int, tuple[int, ...]]


STYLES = {
    "blocking": Style("#000000", "s", "-"),
    "threaded": Style("#7f7f7f", "D", (0, (5, 1))),
    "nonblocking": Style("#CC79A7", "P", (0, (1, 1))),
    "select": Style("#E69F00", "^", "--"),
    "poll": Style("#D55E00", "v", "-."),
    "epoll": Style("#0072B2", "o", "-"),
    "epoll-et": Style("#56B4E9", "h", (0, (3, 1, 1, 1))),
    "generators": Style("#DC267F", "2", (0, (6, 1, 2, 1))),
    "coroutines": Style("#999933", "+", (0, (2, 2))),
    "asyncio": Style("#009E73", "X", (0, (4, 2))),
    "uvloop": Style("#8B6914", "*", ":"),
    "io_uring": Style("#5D3A9B", "p", (0, (8, 1, 2, 1))),
}
OTHERS = (
    Style("#882255", "x", (0, (12, 3))),
    Style("#44AA99", "<", (0, (2, 1))),
    Style("#332288", ">", (0, (9, 2, 1, 2, 1, 2))),
    Style("#AA4499", "d", (0, (1, 2))),
)


def style(server: str, among: Sequence[str] = ()) -> Style:
    """The style of a mechanism; any other server gets the next free one, by its order `among` those drawn."""
    if server in STYLES:
        return STYLES[server]
    unknown = [name for name in dict.fromkeys(among) if name not in STYLES]
    return OTHERS[unknown.index(server) % len(OTHERS) if server in unknown else 0]


def new_axes(ax: Axes | None) -> Axes:
    """The axes given, or new ones of the course's size."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")[1]


def pair() -> tuple[Axes, Axes]:
    """Two new axes side by side, to compare two figures: give one to each of their functions.

    Example:
    >>> len(iomux.plot.pair())
    2
    """
    left, right = plt.subplots(1, 2, figsize=_PAIR_INCHES, dpi=DOTS_PER_INCH, layout="constrained")[1]
    return left, right


def lines(ax: Axes, frame: "pd.DataFrame", column: str, scale: str) -> None:
    """One line for each server through the medians of its repeats, a band over their range, the name at its end."""
    ends = medians(ax, frame, column)
    against(ax, "open connections", scale)
    name_ends(ax, ends)


def medians(ax: Axes, frame: "pd.DataFrame", column: str) -> list[End]:
    """Draw a line and a band for each server; return the lines' ends, which are named once the axes are set."""
    names = list(dict.fromkeys(frame["server"]))
    ends = []
    for name in names:
        look = style(name, names)
        values = frame[frame["server"] == name].groupby("connections")[column].agg(["median", "min", "max"]).dropna()
        if values.empty:
            continue
        x, middle = values.index.to_numpy(dtype=float), values["median"]
        ax.fill_between(x, values["min"], values["max"], color=look.color, alpha=0.15, linewidth=0)
        ax.plot(x, middle, color=look.color, marker=look.marker, linestyle=look.dash, linewidth=2, label=name)
        ends.append((x[-1], float(middle.iloc[-1]), name, look.color))
    return ends


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
    ax.set_xlabel(across)


def _widen(ax: Axes) -> None:
    """Widen a logarithmic axis that spans little: it has no 0, and a few per cent would look like a cliff."""
    low, high = ax.get_ylim()
    if low > 0 and high / low < LEAST_SPAN:
        middle, half = (low * high) ** 0.5, LEAST_SPAN**0.5
        ax.set_ylim(middle / half, middle * half)


def wall(ax: Axes, frame: "pd.DataFrame", each: int = 1) -> None:
    """Mark the limit of select, if it was met; each: descriptors for each connection or pair on the axis."""
    met = frame[(frame["server"] == "select") & frame["reason"].fillna("").str.contains("FD_SETSIZE")]
    if met.empty:
        return
    look = style("select")
    ax.axvline(1024 / each, color=look.color, linewidth=1, linestyle=":")
    ax.annotate(
        "select's limit:\nFD_SETSIZE, 1,024",
        (1024 / each, 0.97),
        (-6, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=look.color,
        ha="right",
        va="top",
    )


def thousands() -> FuncFormatter:
    """Write the numbers on an axis as 1,000."""
    return FuncFormatter(lambda value, _: f"{value:,.0f}")


def finish(ax: Axes, frame: "pd.DataFrame", title: str) -> Axes:
    """Add the title, the grid, and a note below with the runs and the machine."""
    active = frame.attrs.get("active", "")
    note = f"{frame['size_bytes'].iloc[0]:,} bytes per request; {drawn(frame)}"
    heading = f"{title}: {active} active" if active else title
    return under(plain(ax, heading), f"{note}; {frame.attrs.get('machine', '')}{doubtful(frame)}")


def drawn(frame: "pd.DataFrame") -> str:
    """Say what a line and its band are."""
    repeats = frame.groupby(["server", "connections"]).size().max()
    return "one run each" if repeats == 1 else f"line: median of {repeats} runs, band: least to greatest"


def without_window() -> None:
    """Draw in memory only, for a program that writes figures to files and may have no screen."""
    plt.switch_backend("agg")


def plain(ax: Axes, title: str) -> Axes:
    """Give the axes the course's plain frame: a title at the left, a light grid, two spines."""
    ax.set_title(title, loc="left", fontweight="bold")
    ax.grid(True, which="major", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax


def under(ax: Axes, text: str) -> Axes:
    """Write a note below a figure: how and on which machine it was measured."""
    if ax.get_position().width < _NARROW:
        text = "\n".join(textwrap.fill(line, _NARROW_LETTERS) for line in text.splitlines())
    ax.annotate(
        text,
        (0, 0),
        (0, -44),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=7,
        color="#777777",
        va="top",
    )
    return ax
