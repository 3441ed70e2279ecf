"""The figure of a loop's ticks: when each one came, and the longest gap between two."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from matplotlib.axes import Axes

from iomux.figures.look.axes import outline
from iomux.figures.look.style import new_axes, plain, thousands, under
from iomux.system.machine import describe

_ROOM = 0.25
"""The room for words to the right of the ticks, in widths of the part with the ticks."""
_AT_THE_RIGHT: Any = {
    "xycoords": ("axes fraction", "data"),
    "xytext": (-4, 0),
    "textcoords": "offset points",
    "fontsize": 9,
    "color": "#D55E00",
    "ha": "right",
    "va": "center",
}
_AT_THE_TOP: Any = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "fontsize": 9,
    "color": "#555555",
    "va": "top",
    "path_effects": outline(),  # a line of the figure may run through it
}


def longest_gap(moments: Sequence[float]) -> float:
    """The longest time between two successive moments, in their unit. Needs at least two moments.

    Example:
    >>> from iomux.figures.ticks import longest_gap
    >>> longest_gap([0, 1, 4, 6])
    3
    """
    return max(later - earlier for earlier, later in pairwise(moments))


def ticks(
    runs: Mapping[str, Sequence[float]],
    ax: Axes | None = None,
    title: str = "The pulse of the loop",
    marks: Mapping[str, float] = MappingProxyType({}),
) -> Axes:
    """The ticks of each run over time, counted from its first tick, with the longest gap marked, and its length beside.

    runs: by label, the moments of one run in seconds, in order, at least two. marks: by the words to write, when it
    happened in every run, in milliseconds since the first tick. Raises ValueError for a run with fewer ticks.

    Example:
    >>> ax = iomux.plot.ticks({"a loop": [0.0, 0.1, 0.3, 0.4]})
    >>> ax.get_xlabel()
    'ms since the first tick'
    """
    ax = new_axes(ax)
    for place, (label, moments) in enumerate(runs.items()):
        if len(moments) < 2:
            raise ValueError(f"{label} has {len(moments)} ticks: a gap needs two")
        times = [1000 * (moment - moments[0]) for moment in moments]
        gap = longest_gap(times)
        begin = next(earlier for earlier, later in pairwise(times) if later - earlier == gap)
        ax.plot(times, [place] * len(times), "|", color="#0072B2", markersize=22, markeredgewidth=1.5)
        ax.barh(place, gap, left=begin, height=0.5, color="#D55E00", alpha=0.2, zorder=0)
        ax.annotate(f"longest gap {gap:,.0f} ms", (1.0, place), **_AT_THE_RIGHT)
    for words, at_ms in marks.items():
        ax.axvline(at_ms, color="#555555", linewidth=1, linestyle=":")
        ax.annotate(words, (at_ms, 1.0), (3, -3), **_AT_THE_TOP)
    ax.set_yticks(range(len(runs)), list(runs))
    ax.set_ylim(len(runs) - 0.3, -0.6)
    begin, end = ax.get_xlim()
    ax.set_xlim(begin, end + _ROOM * (end - begin))
    ax.set_xlabel("ms since the first tick")
    ax.xaxis.set_major_formatter(thousands())
    plain(ax, title)
    ax.grid(False, axis="y")
    return under(ax, describe())
