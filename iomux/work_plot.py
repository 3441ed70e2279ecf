"""The figure of what one request costs under each mechanism, run by run: who needs the fewest microseconds."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.harness.machine import describe
from iomux.style import new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd


def work(frame: "pd.DataFrame", ax: Axes | None = None, title: str = "The work of one request") -> Axes:
    """Processor time a request: each run a mark, a bar at their median, the least at the top.

    frame: a column for each mechanism, by its name, and a row a round; microseconds.
    """
    ax = new_axes(ax)
    middle = frame.median().sort_values()
    names = [str(name) for name in middle.index]
    for place, name in enumerate(names):
        look, values = style(name, names), frame[name].dropna().to_numpy()
        ax.plot(values, [place] * len(values), look.marker, color=look.color, markersize=7, alpha=0.35)
        ax.plot([middle[name]] * 2, [place - 0.3, place + 0.3], color=look.color, linewidth=3)
        above: Any = {"textcoords": "offset points", "color": look.color, "fontweight": "bold"}
        ax.annotate(f"{middle[name]:.1f} µs", (middle[name], place - 0.3), (0, 3), ha="center", **above)
    ax.set_yticks(range(len(names)), names, fontweight="bold")
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(style(name, names).color)
    ax.set_ylim(len(names) - 0.5, -0.7)
    ax.set_xlim(0, 1.1 * float(frame.quantile(0.95).max()))  # a round that the machine took for itself is not drawn
    ax.set_xlabel("processor time a request, µs")
    plain(ax, title)
    ax.grid(False, axis="y")
    return under(ax, f"each mark a round of {len(frame)}, each bar their median; {describe()}")
