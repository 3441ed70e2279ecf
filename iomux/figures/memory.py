"""The figure of the memory that a server needs for each silent client: what is in RAM, or what is reserved."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.figures.look.style import in_order, new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd

_KIB = 1024
_THICK = 0.45  # of the height of a row
_ROOM = 1.35  # of the longest bar: its number stands beside it
_WORDS = {"rss_each_bytes": "in RAM", "virtual_each_bytes": "reserved"}


def memory(frame: "pd.DataFrame", column: str = "rss_each_bytes", ax: Axes | None = None) -> Axes:
    """A server's memory for each of its silent clients, in KiB: a bar at the most clients, a dot for fewer.

    frame: from `iomux.harness.memory.memory_held`. column: `rss_each_bytes`, what lies in RAM, or
    `virtual_each_bytes`, what is reserved. If each client costs the same, the dots lie at the bar's end.

    Example:
    >>> from iomux.harness.memory import memory_held
    >>> ax = iomux.plot.memory(memory_held("poll", connections=[1, 10]))
    >>> ax.get_xlabel()
    'KiB for each client'
    """
    ax = new_axes(ax)
    names = in_order(frame["server"])
    measured = frame[frame["reason"] == ""]
    for place, name in enumerate(names):
        rows = measured[measured["server"] == name].sort_values("connections")
        look, each = style(name, names), (rows[column] / _KIB).tolist()
        if not each:
            continue
        ax.barh(place, each[-1], _THICK, color=look.color, alpha=0.75)
        ax.plot(each[:-1], [place] * (len(each) - 1), ".", color="#222222", markersize=8)
        beside: Any = {"textcoords": "offset points", "va": "center", "fontweight": "bold", "color": look.color}
        ax.annotate(f"{each[-1]:,.1f}", (max(*each, 0), place), (8, 0), **beside)
    ax.set_yticks(range(len(names)), names, fontweight="bold")
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(min(0, ax.get_xlim()[0]), _ROOM * max(0, ax.get_xlim()[1]))
    ax.set_xlabel("KiB for each client")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    levels = sorted(measured["connections"].unique())
    fewer = f"; dots: {' and '.join(f'{level:,}' for level in levels[:-1])}" if levels[1:] else ""
    most = f"bar: {levels[-1]:,} silent clients{fewer}; one round each" if levels else "nothing was measured"
    plain(ax, f"A silent client's memory: {_WORDS[column]}")
    ax.grid(False, axis="y")
    return under(ax, f"{most}\n{frame.attrs.get('machine', '')}")
