"""How long each of several steps took: a row for each, a dot for each time that it was measured.

Over a wire a step's time is a number of round trips, so these are the scale: dotted lines, counted at the top. Nothing
is drawn but the measurements and their median: with ten of them, or three, no curve could say more.
"""

from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.figures.look.axes import outline
from iomux.figures.look.notes import note, under
from iomux.figures.look.style import GREY, LABEL, in_order, new_axes, plain, style, thousands
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"ms": "milliseconds", "s": "seconds"}
_ROW_INCHES, _REST_INCHES = 0.62, 1.9
_ROOM = 1.24  # of the axis, beyond the last dot: for its number
_MOST_LINES = 12
_WORDS = 0.2  # of the axis: that the words for the first line need before the second


def stopwatch(
    frame: "pd.DataFrame",
    column: str = "ms",
    ax: Axes | None = None,
    title: str = "",
    round_trip: float | None = None,
    never: str = "not within the time that was waited",
    setting: str = "",
) -> Axes:
    """Draw a row for each kind of step, with a dot for each time and the median as a bar with its number.

    frame: a row for each time, with `what` (the row's label) and `column`, "ms" or "s"; NaN where a step did not end,
    which `never` says in its place. round_trip: in the same unit; its multiples are dotted lines, as long as there are
    few. setting: the wire's and the sender's, for the note. `.attrs["machine"]` says where it was measured, if that was
    not here.

    Example:
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"what": ["new", "kept", "new", "kept"], "ms": [81.0, 40.3, 82.4, 40.9]})
    >>> ax = iomux.plot.stopwatch(frame, title="One request", round_trip=40)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['new', 'kept']
    """
    names = in_order(frame["what"])
    ax = new_axes(ax, _REST_INCHES + _ROW_INCHES * len(names))
    most = float(frame[column].max())
    ax.set_xlim(0, most * _ROOM)
    ax.set_ylim(len(names) - 0.5, -0.7)
    if round_trip:
        _count_round_trips(ax, round_trip, most)
    for place, name in enumerate(names):
        _row(ax, frame.loc[frame["what"] == name, column], place, style(name).color, never)
    ax.set_yticks(range(len(names)), names, fontweight="bold")
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(style(name).color)
    ax.set_xlabel(_UNITS[column])
    ax.xaxis.set_major_formatter(thousands() if most >= 20 else "{x:g}")
    plain(ax, title).grid(False)
    dots = "dot: one time; upright bar: the median of them" if len(frame) > len(names) else "dot: measured once"
    lines = "dotted: round trips" if round_trip else ""
    return under(ax, note(dots, lines, setting, frame.attrs.get("machine", describe())))


def _count_round_trips(ax: Axes, each: float, most: float) -> None:
    """Mark the multiples of a round trip with their numbers; only the first if they would be many."""
    times = list(takewhile(lambda number: number * each <= most * 1.05, count(1)))
    alone = len(times) > _MOST_LINES
    for number in times[:1] if alone else times:
        ax.axvline(number * each, color="#999999", linewidth=1, linestyle=":", zorder=0.5)
        words = "1 round trip" if number == 1 and (alone or each > _WORDS * most) else f"{number}"
        at: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "color": GREY}
        ax.annotate(words, (number * each, 1), (3, -2), va="top", fontsize=9, **at)


def _row(ax: Axes, values: "pd.Series[float]", place: int, color: str, never: str) -> None:
    ended = values.dropna()
    beside: Any = {"textcoords": "offset points", "va": "center", "color": color, "fontweight": "bold"}
    if ended.empty:
        ax.annotate(never, (0, place), (6, 0), fontsize=LABEL, path_effects=outline(), **beside)
        return
    middle, last = float(ended.median()), float(ended.max())
    ax.plot(ended, [place] * len(ended), "o", color=color, alpha=0.55, markeredgewidth=0, markersize=8, clip_on=False)
    ax.vlines(middle, place - 0.24, place + 0.24, color=color, linewidth=2.5)
    ax.annotate(_number(middle), (last, place), (10, 0), fontsize=LABEL, **beside)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2g}" if value < 1 else f"{value:.1f}"
