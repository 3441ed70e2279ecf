"""The figure of `iomux.tape`: time to the right, a line a connection, and on it what happened, in four rows.

Arrival, notification, read and write follow each other within microseconds, and would lie on each other at the scale of
milliseconds: so each has a row of its own, from above down, the way the bytes go. The band behind them is the time
for which bytes lay unread in the kernel.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from iomux.harness.machine import describe
from iomux.style import new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd


class _Mark(NamedTuple):
    row: float
    marker: str
    color: str
    filled: bool
    words: str


_MARKS = {
    "connect": _Mark(0, "|", "#555555", True, "client connects"),
    "arrival": _Mark(0, "v", "#0072B2", True, "arrival of bytes"),
    "hang-up": _Mark(0, "X", "#000000", True, "client hangs up"),
    "notification": _Mark(1, "D", "#E69F00", True, "notification: readable"),
    "room": _Mark(1, "s", "#B8860B", False, "notification: writable"),
    "nothing ready": _Mark(1, "D", "#999999", False, "asked: nothing ready"),
    "accept": _Mark(2, "+", "#555555", True, "accept"),
    "read": _Mark(2, "o", "#c0392b", True, "read"),
    "EAGAIN": _Mark(2, "o", "#c0392b", False, "read in vain: EAGAIN"),
    "handler": _Mark(2.5, "_", "#8e44ad", True, "handler"),
    "write": _Mark(3, "^", "#1e8449", True, "write"),
    "re-arm": _Mark(3, "P", "#5D3A9B", True, "armed again"),
    "close": _Mark(3, "x", "#000000", True, "server closes"),
}
_TOLD = ("notification", "room")
_ROW = 0.21  # of a lane's height
_UNREAD = "#d6e6f4"


def tape(frame: "pd.DataFrame", ax: Axes | None = None, title: str = "What happened, and when it was told") -> Axes:
    """A line of time for each connection under each server, marks for what happened; bands: bytes lie unread.

    frame: from `iomux.tape` or `iomux.harness.five_steps.five_steps`; with several servers their lanes
    stand in the order in which they were given. Raises ValueError for a frame without marks.
    """
    if frame.empty:
        raise ValueError("the tape is empty: there is nothing to draw")
    ax = new_axes(ax)
    draw_lanes(ax, frame)
    ax.set_xlabel("ms since the script began")
    legend(ax, set(frame["mark"]), loc="center left", bbox_to_anchor=(1.01, 0.5))
    plain(ax, title)
    ax.grid(False, axis="y")
    return under(ax, f"marks: a client's call begins, a server's has returned; lines: calls that last; {describe()}")


def draw_lanes(ax: Axes, frame: "pd.DataFrame") -> None:
    """Draw the lines of a tape and their marks, and name them; the rest of the figure is the caller's."""
    lanes = list(dict.fromkeys(zip(frame["server"], frame["client"], strict=True)))
    servers = list(dict.fromkeys(frame["server"]))
    lanes.sort(key=lambda lane: servers.index(lane[0]))
    for place, (server, client) in enumerate(lanes):
        rows = frame[(frame["server"] == server) & (frame["client"] == client)]
        _lane(ax, place, rows.to_dict("records"))
        ax.axhline(place + 0.5, color="#cccccc", linewidth=0.8)
    ax.set_yticks(range(len(lanes)), [_name(lane, lanes) for lane in lanes])
    for tick, (server, _) in zip(ax.get_yticklabels(), lanes, strict=True):
        tick.set_color(style(server, servers).color)
    ax.set_ylim(len(lanes) - 0.5, -0.5)
    ax.set_xlim(left=-ax.get_xlim()[1] / 50)


def _name(lane: tuple[str, str], lanes: list[tuple[str, str]]) -> str:
    alone = [server for server, _ in lanes].count(lane[0]) == 1
    return lane[0] if alone else f"{lane[0]}: {lane[1]}"


def _lane(ax: Axes, place: int, rows: list[dict[Any, Any]]) -> None:
    for begin, end in unread(rows):
        ax.barh(place, end - begin, left=begin, height=4 * _ROW, color=_UNREAD, zorder=1)
    for mark in dict.fromkeys(row["mark"] for row in rows):
        _marks(ax, place, [row for row in rows if row["mark"] == mark], _MARKS[mark])


def _marks(ax: Axes, place: int, rows: list[dict[Any, Any]], look: _Mark) -> None:
    """The marks of one kind on one line: two artists for all of them, because a live tape is drawn again and again."""
    height = place + _ROW * (look.row - 1.5)
    calls = [(max(0.0, row["begin_us"] / 1000), row["end_us"] / 1000) for row in rows]
    if rows[0]["mark"] not in _TOLD:  # the wait before a notification is the poller's, for all connections
        lasting = [
            moment for begin, end in calls for moment in (begin, end, math.nan)
        ]  # nan: where the line breaks off
        ax.plot(lasting, [height] * len(lasting), color=look.color, linewidth=2.5, alpha=0.35, zorder=2)
    at = [
        moment
        for row, call in zip(rows, calls, strict=True)
        for moment in (call if row["times"] > 1 else [max(0.0, row["at_us"] / 1000)])
    ]
    # A ring round the read that it follows; a stroke is seen on either side of a mark that lies on it.
    size = 9 if look.marker in "|+" or rows[0]["mark"] == "EAGAIN" else 5.5
    ax.plot(
        at,
        [height] * len(at),
        look.marker,
        color=look.color,
        mfc=look.color if look.filled else "white",
        ms=size,
        zorder=3 - (size > 6) / 2,
        clip_on=False,
    )


def unread(rows: list[dict[Any, Any]]) -> Iterator[tuple[float, float]]:
    """The spans, in ms, in which bytes of one connection lay in the kernel: from an arrival to the read that ends it.

    rows: the marks of one connection, in their order. What is never read lies until the last of them.
    """
    lying, since = 0, 0.0
    for row in rows:
        before = lying
        lying += {"arrival": row["size_bytes"], "read": -row["size_bytes"]}.get(row["mark"], 0)
        if lying > 0 >= before:
            since = row["at_us"] / 1000
        elif before > 0 >= lying:
            yield since, row["at_us"] / 1000
    if lying > 0:
        yield since, rows[-1]["at_us"] / 1000


def legend(ax: Axes, present: set[str], **where: Any) -> None:
    """Say what the marks are that are `present`; where: as for `Axes.legend`."""
    handles: list[Any] = [
        ax.plot([], [], look.marker, color=look.color, mfc=look.color if look.filled else "white", label=look.words)[0]
        for mark, look in _MARKS.items()
        if mark in present
    ]
    handles.append(Patch(facecolor=_UNREAD, label="bytes lie in the kernel"))
    ax.legend(handles=handles, frameon=False, fontsize=8, **where)
