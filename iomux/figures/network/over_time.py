"""One quantity over time, a line for each run, its name at its end: a window that opens, a queue that fills.

Lines are drawn from dot to dot. Where a quantity keeps its value until it changes, as a window does, they are steps.
"""

from itertools import cycle
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from iomux.figures.look.notes import note, under
from iomux.figures.look.style import in_order, name_ends, new_axes, plain, style
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_UNITS = {"ms": "milliseconds", "s": "seconds"}
_FEW = 25  # readings of a line, each of which gets a marker
_APART = 0.06  # of the axes' diagonal: between two markers, if there are more
_DASHES = ("-", "--", "-.", ":")  # not the style's: the gaps of a long dash would hide steps
_ROOM = 1.3  # of the horizontal axis: for the names


def over_time(
    frame: "pd.DataFrame",
    column: str,
    words: str,
    across: str = "ms",
    ax: Axes | None = None,
    title: str = "",
    doubling: bool = False,
    steps: bool = False,
    setting: str = "",
) -> Axes:
    """Draw a line for each value of the column `what`, named at its end.

    frame: a row for each reading, with `what`, `across` (time in "ms" or "s", or another quantity, which is then the
    axis' label) and `column`. words: what the vertical axis shows, with its unit. doubling: a logarithmic axis, on
    which each power of 2 has a label. steps: a value holds until the next reading. A line has a gap at a row with NaN.
    setting: the wire's and the sender's, for the note.

    Example:
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"what": "a new connection", "ms": [0.0, 40.0, 80.0], "cwnd": [10, 20, 40]})
    >>> ax = iomux.plot.over_time(frame, "cwnd", "window, packets", doubling=True)
    >>> ax.get_xlabel()
    'milliseconds'
    """
    ax = new_axes(ax)
    names, ends = in_order(frame["what"]), []
    for name, dash in zip(names, cycle(_DASHES)):
        rows, look = frame[frame["what"] == name], style(name, names)
        drawn: Any = {"color": look.color, "linestyle": dash, "marker": look.marker, "markersize": 6}
        drawn |= {"markevery": 1 if len(rows) <= _FEW else _APART, "drawstyle": "steps-post" if steps else "default"}
        ax.plot(rows[across], rows[column], linewidth=2, clip_on=False, **drawn)
        last = rows.dropna(subset=[column]).iloc[-1]
        ends.append((float(last[across]), float(last[column]), name, look.color))
    ax.set_xlim(0, float(frame[across].max()) * _ROOM)
    _scale(ax, float(frame[column].min()), float(frame[column].max()), doubling)
    ax.set_xlabel(_UNITS.get(across, across))
    ax.set_ylabel(f"{words} (log scale)" if doubling else words)
    name_ends(ax, ends)
    return under(plain(ax, title), note(setting, frame.attrs.get("machine", describe())))


def _scale(ax: Axes, least: float, most: float, doubling: bool) -> None:
    if not doubling:
        ax.set_ylim(0, most * 1.1)
        return
    ax.set_yscale("log", base=2)
    ax.set_ylim(least / 1.2, most * 1.4)
    at = [2**power * least for power in range(16) if 2**power * least <= most * 1.4]
    ax.set_yticks(at, [f"{value:,.0f}" for value in at])
    ax.yaxis.set_minor_formatter(NullFormatter())
