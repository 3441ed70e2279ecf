"""The figure of a server's memory against its silent connections: what is reserved, and what is in RAM."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from iomux.figures.look.style import End, against, name_ends, new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd

_MIB = 1 << 20


def memory(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A server's memory against its silent connections, log-log: resident (solid) and reserved (dotted).

    frame: from `iomux.harness.memory.holding`. Each line is named at its end.

    Example:
    >>> from iomux.harness.memory import memory_held
    >>> ax = iomux.plot.memory(memory_held("poll", connections=[1, 10]))
    >>> ax.get_ylabel()
    "memory of the server's process, MiB"
    """
    ax = new_axes(ax)
    names = list(dict.fromkeys(frame["server"]))
    ends: list[End] = []
    for name in names:
        rows = frame[(frame["server"] == name) & (frame["reason"] == "")].sort_values("connections")
        look = style(name, names)
        for column, dash, what in (("rss_bytes", "-", "in RAM"), ("virtual_bytes", ":", "reserved")):
            x, y = rows["connections"].to_numpy(dtype=float), rows[column].to_numpy(dtype=float) / _MIB
            fill = look.color if column == "rss_bytes" else "white"
            ax.plot(x, y, color=look.color, linestyle=dash, marker=look.marker, markerfacecolor=fill, linewidth=2)
            ends += [(x[-1], y[-1], f"{name}, {what}", look.color)] if len(x) else []
    against(ax, "open connections, all silent", "log")
    ax.set_xlim(right=25 * frame["connections"].max())  # room for the names
    ax.yaxis.set_major_formatter(FuncFormatter(lambda mib, _: f"{mib:,.0f}"))
    ax.set_ylabel("memory of the server's process, MiB")
    name_ends(ax, ends)
    note = f"one run each; filled and solid: resident; hollow and dotted: virtual\n{frame.attrs.get('machine', '')}"
    return under(plain(ax, "What a silent client costs in memory"), note)
