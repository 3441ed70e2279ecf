"""The figure of a server's memory against its silent connections: what is reserved, and what is in RAM."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from iomux.figures.look.style import End, against, broken, in_order, name_ends, new_axes, plain, style, under

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
    "memory of the server's process, MiB (log scale)"
    """
    ax = new_axes(ax)
    names = in_order(frame["server"])
    ends: list[End] = []
    for name in names:
        rows = frame[(frame["server"] == name) & (frame["reason"] == "")].sort_values("connections")
        look = style(name, names)
        for column, dash, what in (("rss_bytes", "-", "in RAM"), ("virtual_bytes", ":", "reserved")):
            x, y = rows["connections"].to_numpy(dtype=float), rows[column].to_numpy(dtype=float) / _MIB
            fill = look.color if column == "rss_bytes" else "white"
            line: Any = {"color": look.color, "linestyle": dash, "marker": look.marker, "markerfacecolor": fill}
            ax.plot(broken(x, x), broken(y, x), linewidth=2, **line)
            ends += [(x[-1], y[-1], f"{name}, {what}", look.color)] if len(x) else []
    against(ax, "open connections, all silent", "log")
    most = frame["connections"].max()
    ax.set_xlim(right=30 * most)  # room for the names, and no numbers there: nothing was measured
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in ax.get_xticks() if tick <= most]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda mib, _: f"{mib:,.0f}"))
    ax.set_ylabel("memory of the server's process, MiB (log scale)")
    name_ends(ax, ends)
    note = f"one round each; filled and solid: resident; hollow and dotted: virtual\n{frame.attrs.get('machine', '')}"
    return under(plain(ax, "What a silent client costs in memory"), note)
