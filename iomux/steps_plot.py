"""The figure of `iomux.harness.steps`: what several servers do for the same clients, side by side over time."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from iomux.harness.machine import describe
from iomux.phases_plot import LOOKS
from iomux.style import new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd

_BARS = {
    "wait for read": (LOOKS["notify"].color, LOOKS["notify"].hatch),
    "wait for write": (LOOKS["queue"].color, LOOKS["queue"].hatch),
    "handler": (LOOKS["handler"].color, LOOKS["handler"].hatch),
}
"""Steps that last: colour and hatch, where the timeline has the same phase its own."""
_MARKS = {"accept": ("#555555", "|"), "recv": (LOOKS["recv"].color, "v"), "send": (LOOKS["send"].color, "^")}
_MARKS["close"] = ("#000000", "x")
"""Steps of some microseconds: too short for a bar."""


def steps(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A line of time for each client under each server: waits and handlers as bars, calls as marks.

    frame: from `iomux.harness.steps.steps`.
    """
    ax = new_axes(ax)
    servers = list(dict.fromkeys(frame["server"]))
    clients = sorted(set(frame["client"]))
    lanes = [(server, client) for client in clients for server in servers]
    for place, (server, client) in enumerate(lanes):
        rows = frame[(frame["server"] == server) & (frame["client"] == client)]
        _lane(ax, place + 0.6 * clients.index(client), rows)
    ax.set_yticks(
        [place + 0.6 * clients.index(client) for place, (_, client) in enumerate(lanes)],
        [f"{client}: {server}" for server, client in lanes],
    )
    for tick, (server, _) in zip(ax.get_yticklabels(), lanes, strict=True):
        tick.set_color(style(server, servers).color)
    ax.invert_yaxis()
    ax.set_xlabel("ms since the script began")
    _legend(ax, set(frame["step"]))
    plain(ax, "The same clients, step by step")
    ax.grid(False, axis="y")
    return under(ax, f"calls take some microseconds and are drawn as marks; {describe()}")


def _lane(ax: Axes, height: float, rows: "pd.DataFrame") -> None:
    for row in rows.to_dict("records"):
        begin, end, step = row["begin_us"] / 1000, row["end_us"] / 1000, row["step"]
        if step in _BARS:
            color, hatch = _BARS[step]
            bar: Any = {"color": color, "hatch": hatch, "edgecolor": "white", "linewidth": 0.3, "zorder": 1}
            ax.barh(height, end - max(0.0, begin), left=max(0.0, begin), height=0.7, **bar)
        else:
            color, marker = _MARKS[step]
            ax.plot(max(0.0, begin), height, marker, color=color, markersize=6, zorder=3, clip_on=False)


def _legend(ax: Axes, present: set[str]) -> None:
    bars: list[Any] = [
        Patch(facecolor=color, hatch=hatch, edgecolor="white", label=step)
        for step, (color, hatch) in _BARS.items()
        if step in present
    ]
    marks: list[Any] = [
        ax.plot([], [], marker, color=color, label=step)[0]
        for step, (color, marker) in _MARKS.items()
        if step in present
    ]
    where: Any = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    ax.legend(handles=[*bars, *marks], **where, frameon=False, fontsize=8)
