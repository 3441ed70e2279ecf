"""The figure of `iomux.canteen`: what the guest does in each restaurant, over time."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from iomux.figures.look.phases import LOOKS
from iomux.figures.look.style import new_axes, plain, under

if TYPE_CHECKING:
    import pandas as pd

_DOING = {
    "waiting": (LOOKS["notify"].color, LOOKS["notify"].hatch, "stands and waits"),
    "asking": ("#CC79A7", "", "asks"),
    "fetching": (LOOKS["recv"].color, "", "fetches (the copy)"),
    "free": ("#e8f3e8", "", "is free for other things"),
}
"""Colour, hatch and words; a phase that the timeline of a request has too keeps its colour."""


def canteen(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A lane over time for the guest of each restaurant, and for its waiter if it has one.

    frame: from `iomux.canteen.visit`. The triangles at the bottom mark when each dish is ready.

    Example:
    >>> ax = iomux.plot.canteen(iomux.canteen.visit(iomux.canteen.cook(3)))
    >>> ax.get_xlabel()
    'minutes since the orders (triangles: a dish is ready)'
    """
    ax = new_axes(ax)
    lanes = list(dict.fromkeys(zip(frame["restaurant"], frame["who"], strict=True)))
    for place, (restaurant, who) in enumerate(lanes):
        rows = frame[(frame["restaurant"] == restaurant) & (frame["who"] == who)]
        for row in rows.to_dict("records"):
            color, hatch, _ = _DOING[row["doing"]]
            bar: Any = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.4}
            ax.barh(place, row["end"] - row["begin"], left=row["begin"], height=0.62, **bar)
        if who == "guest":
            last = frame[frame["restaurant"] == restaurant]["end"].max()
            ax.annotate(f"{last:.1f} min", (last, place), (5, 0), textcoords="offset points", va="center", fontsize=9)
    ready = frame.attrs["ready"]
    ax.plot(ready, [len(lanes) - 0.45] * len(ready), "^", color="#333333", clip_on=False, zorder=4)
    ax.vlines(ready, -0.6, len(lanes) - 0.45, color="#333333", linewidth=0.7, linestyle=":", zorder=3)
    ax.set_yticks(range(len(lanes)), [name if who == "guest" else f"{name}: the {who}" for name, who in lanes])
    ax.set_ylim(len(lanes) - 0.4, -0.6)
    ax.margins(x=0.1)
    ax.set_xlim(left=0)
    ax.set_xlabel("minutes since the orders (triangles: a dish is ready)")
    handles = [
        Patch(facecolor=color, hatch=hatch, edgecolor="white", label=words) for color, hatch, words in _DOING.values()
    ]
    where: Any = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.13), "ncols": 4}
    ax.legend(handles=handles, **where, frameon=False, fontsize=9)
    plain(ax, "One guest, four restaurants")
    ax.grid(False, axis="y")
    return under(ax, f"\n\n\nsimulated, not measured: {len(ready)} dishes")
