"""The figure of `iomux.pass_along`: microseconds per run against the socket pairs in the ring.

Published figures for the same work, in C and on another machine, are drawn alongside ours. Compare the shapes of
the lines, not their heights: where a line is flat, and from where it climbs.
"""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.figures.look.axes import outline
from iomux.figures.look.lines import against, drawn, medians
from iomux.figures.look.notes import doubts, note, under
from iomux.figures.look.style import End, name_ends, new_axes, plain, style, wall
from iomux.harness.pass_along import PUBLISHED, PUBLISHED_BY, PUBLISHED_FOR

if TYPE_CHECKING:
    import pandas as pd


def pass_along(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Microseconds per run against socket pairs, log-log: the median of the runs, and their spread.

    frame: from `iomux.pass_along`. The published figures are hollow markers in the same colours; they were
    taken with 100 active and 1,000 writes, and are drawn only next to runs with the same numbers.

    Example:
    >>> frame = iomux.pass_along("poll", pairs=[8, 16], active=2, writes=10, runs=3, progress=False)
    >>> ax = iomux.plot.pass_along(frame)
    >>> ax.get_ylabel()
    'a run, µs (log scale)'
    """
    ax = new_axes(ax)
    work = (int(frame["active"].iloc[0]), int(frame["writes"].iloc[0]))
    named = frame.rename(columns={"poller": "server", "pairs": "connections"})
    ours = medians(ax, named, "us")
    early = [end for end in ours if end[0] < named["connections"].max()]
    for x, y, name, color in early:  # behind the others' markers, which may cover it
        ax.plot(x, y, style(name).marker, color=color, markersize=14, zorder=1)
    published: list[End] = []
    said = note(drawn(named, "us"), doubts(frame), frame.attrs.get("machine", ""))
    if work == PUBLISHED_FOR:
        published = _published(ax)
        said += f"\nhollow: published, {PUBLISHED_BY}; libevent's select uses sets of any length"
    against(ax, "socket pairs (log scale)", "log")
    name_ends(ax, published)
    late = sorted((end for end in ours if end not in early), key=lambda end: -end[1])
    _name(ax, late[:-1], 12)
    _name(ax, late[-1:], -26 if len(late) > 1 else 12)  # below it: published marks may be close above
    _name(ax, early, 40)
    wall(ax, named, each=2)
    ax.set_ylabel("a run, µs (log scale)")
    return under(plain(ax, f"Handing bytes along: {work[0]:,} active, {work[1]:,} writes"), said)


def _name(ax: Axes, ends: list[End], points: int) -> None:
    """Name a line above or below its end: to its right are published marks, or, where select stops, lines that go on.

    points: how far above its end the name stands.
    """
    for x, y, name, color in ends:
        lead = {"arrowstyle": "-", "color": color, "linewidth": 0.7}
        ax.annotate(
            name,
            (x, y),
            (0, points),
            textcoords="offset points",
            color=color,
            ha="right",  # select's limit may be drawn close by on the other side
            fontweight="bold",
            arrowprops=lead,
            path_effects=outline(),  # legible on a published line
        )


def _published(ax: Axes) -> list[End]:
    """Draw the published figures as marks: their levels are more than a decade apart."""
    ends = []
    for name, points in PUBLISHED.items():
        look, label = style(name), f"{name}, published"
        marks: Any = {"color": look.color, "markerfacecolor": "none", "label": label}
        ax.plot(list(points), list(points.values()), look.marker, **marks)
        last = max(points)
        ends.append((float(last), float(points[last]), label, look.color))
    return ends
