"""The figure of the phases in microseconds: which grow with the open connections, and which do not.

Shares hide it: where `notify` takes all, whatever stays as it was seems to vanish. So here each phase is a
line over a logarithmic scale, and the servers stand side by side on the same one.
"""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patheffects import Normal, Stroke

from iomux.phases_plot import LOOKS, active_in, machine_of, one_experiment
from iomux.style import End, log_ticks, name_ends, new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd

MARKERS = {"notify": "o", "recv": "s", "handler": "D", "send": "^"}
"""The phases of the server, in their order, and the marker of each."""
_APART = 1.0  # decades between one server's part of the axis and the next one's


def phase_times(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The server's phases (notify, recv, handler, send) in µs against open connections, log-log, server by server.

    frame: timelines of several servers and numbers of connections, put together with `pandas.concat`. A line
    is the median of the requests, its band their middle half; all servers share the vertical scale. Raises
    ValueError for an empty frame, and for timelines of one server that differ in `size_bytes` or `active`.
    """
    one_experiment(frame)
    ax = new_axes(ax)
    names, levels = list(dict.fromkeys(frame["server"])), sorted(frame["connections"].unique())
    step = float(np.log10(levels[-1] / levels[0])) + _APART
    ticks: list[tuple[float, str]] = []
    ends: list[End] = []
    for number, name in enumerate(names):
        rows = frame[frame["server"] == name]
        places = {level: number * step + float(np.log10(level / levels[0])) for level in rows["connections"].unique()}
        ends = [_line(ax, rows, phase, places) for phase in MARKERS]
        ticks += [(place, f"{level:,}") for level, place in sorted(places.items())]
        _head(ax, number * step + (step - _APART) / 2, name, style(name, names).color)
    ax.set_xticks([place for place, _ in ticks], [label for _, label in ticks], fontsize=8)
    ax.set_xlim(-_APART / 2, len(names) * step - _APART / 2)
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * 2)  # room for the servers' names
    log_ticks(ax.yaxis)
    ax.set_xlabel("open connections (log scale)")
    ax.set_ylabel("time of a phase, µs (log scale)")
    for number in range(1, len(names)):
        ax.axvline(number * step - _APART / 2, color="#bbbbbb", linewidth=0.8)
    name_ends(ax, ends)
    note = f"line: median of the requests, band: their middle half; {active_in(frame)} active; {machine_of(frame)}"
    return under(plain(ax, "The phases in microseconds"), note)


def _line(ax: Axes, rows: "pd.DataFrame", phase: str, places: dict[int, float]) -> End:
    """Draw one phase of one server; where its line ends, its name and a colour in which that can be read."""
    look, column = LOOKS[phase], rows.groupby("connections")[f"{phase}_us"]
    ink = "#{:02x}{:02x}{:02x}".format(*(round(255 * 0.6 * part) for part in to_rgb(look.color)))
    middle = column.median()
    x = [places[level] for level in middle.index]
    ax.fill_between(x, column.quantile(0.25), column.quantile(0.75), color=look.color, alpha=0.35, linewidth=0)
    outline = [Stroke(linewidth=4, foreground=ink), Normal()]  # a pale colour alone would not show on white
    ax.plot(x, middle, color=look.color, linewidth=2.5, path_effects=outline, label=phase)
    ax.plot(x, middle, MARKERS[phase], color=look.color, markeredgecolor=ink, markersize=7)
    return x[-1], float(middle.iloc[-1]), phase, ink


def _head(ax: Axes, place: float, name: str, color: str) -> None:
    ax.annotate(
        name, (place, 0.97), xycoords=("data", "axes fraction"), color=color, ha="center", va="top", fontweight="bold"
    )
