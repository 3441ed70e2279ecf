"""The figure of `iomux.tape`: a lane over time for each connection, with its events in five rows.

Arrival, notification, read, write and close follow each other within microseconds, and would hide each other at the
scale of milliseconds. So each has its own row, from top to bottom in the order in which the bytes pass them. The band
behind them is the time for which bytes lie unread in the kernel. An event has the same mark and colour in every figure.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from iomux.figures.look.phases import LOOKS
from iomux.figures.look.style import new_axes, plain, under
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd


class Mark(NamedTuple):
    """How one event is drawn everywhere, and its row, counted from the top."""

    row: float
    marker: str
    color: str
    filled: bool
    words: str


MARKS = {
    "connect": Mark(0, "|", "#555555", True, "client connects"),
    "arrival": Mark(0, "v", "#0072B2", True, "arrival of bytes"),
    "hang-up": Mark(0, "X", "#000000", True, "client hangs up"),
    "notification": Mark(1, "D", "#E69F00", True, "notification: readable"),
    "room": Mark(1, "s", "#B8860B", False, "notification: writable"),
    "nothing ready": Mark(1, "D", "#999999", False, "asked: nothing ready"),
    "accept": Mark(1, "+", "#555555", True, "accept"),
    "read": Mark(2, "o", LOOKS["recv"].color, True, "read"),
    "EAGAIN": Mark(2, "o", LOOKS["recv"].color, False, "empty read: EAGAIN"),
    "write": Mark(3, "^", LOOKS["send"].color, True, "write"),
    "re-arm": Mark(3, "P", "#5D3A9B", True, "re-armed"),
    "close": Mark(4, "x", "#000000", True, "server closes"),
    "answer": Mark(3, "<", LOOKS["send"].color, False, "answer has come back"),
    "end": Mark(4, "x", "#777777", True, "server has ended it"),
}
_SERVERS, _CLIENTS = {"accept", "notification", "room", "read", "EAGAIN", "write", "close"}, {"answer", "end"}
_HANDLER: Any = {"facecolor": LOOKS["handler"].color, "edgecolor": "#8a7400", "linewidth": 0.8}
_HANDLER_ROW = 2.5
_NOTIFICATIONS = ("notification", "room")
_ROWS, _ROW = 5, 0.18  # the height of a row, as a part of the lane's
_UNREAD = "#d6e6f4"
_LASTS = 0.01  # of the tape's length: only the mark of a shorter call is drawn


def tape(
    frame: "pd.DataFrame", ax: Axes | None = None, title: str = "Events, and when the server was notified"
) -> Axes:
    """A lane over time for each connection of each server: marks for events, bands while bytes lie unread.

    frame: from `iomux.tape` or `iomux.harness.tape.trigger_modes.five_steps`; the lanes of several
    servers have the order in which the servers were given. Raises ValueError for a frame without marks.

    Example:
    >>> ax = iomux.plot.tape(iomux.tape("poll", [(0.0, "ann", b"hello"), (0.05, "ann", b"")]))
    >>> ax.get_xlabel()
    'ms since the script began'
    """
    if frame.empty:
        raise ValueError("the tape is empty: there is nothing to draw")
    ax = new_axes(ax)
    draw_lanes(ax, frame)
    ax.set_xlabel("ms since the script began")
    legend(ax, frame, loc="center left", bbox_to_anchor=(1.01, 0.5))
    plain(ax, title)
    ax.grid(False, axis="y")
    lines = "; lines: a long call" if _lasting(frame) else ""
    return under(ax, f"marks: a client's call begins, a server's has returned{lines}; {describe()}")


def draw_lanes(ax: Axes, frame: "pd.DataFrame") -> None:
    """Draw the lanes of a tape with their marks and names; the rest of the figure is left to the caller."""
    lanes = list(dict.fromkeys(zip(frame["server"], frame["client"], strict=True)))
    servers = list(dict.fromkeys(frame["server"]))
    lanes.sort(key=lambda lane: servers.index(lane[0]))
    for place, (server, client) in enumerate(lanes):
        rows = frame[(frame["server"] == server) & (frame["client"] == client)]
        _lane(ax, place, rows.to_dict("records"))
        ax.axhline(place + 0.5, color="#cccccc", linewidth=0.8)
    ax.set_yticks(range(len(lanes)), [_name(lane, lanes) for lane in lanes])
    for tick in ax.get_yticklabels():
        tick.set_fontweight("bold")  # and black: here a colour is a kind of event, and a grey name looks disabled
    ax.set_ylim(len(lanes) - 0.5, -0.5)
    ax.set_xlim(left=-ax.get_xlim()[1] / 50)


def _name(lane: tuple[str, str], lanes: list[tuple[str, str]]) -> str:
    alone = [server for server, _ in lanes].count(lane[0]) == 1
    return lane[0] if alone else f"{lane[0]}: {lane[1]}"


def _lane(ax: Axes, place: int, rows: list[dict[Any, Any]]) -> None:
    for begin, end in () if _from_outside(rows) else unread(rows):
        ax.barh(place, end - begin, left=begin, height=_ROWS * _ROW, color=_UNREAD, zorder=1)
    worked = [_call(row) for row in rows if row["mark"] == "handler"]
    ax.broken_barh(
        [(begin, end - begin) for begin, end in worked],
        (_height(place, _HANDLER_ROW) - _ROW / 4, _ROW / 2),
        zorder=1.5,
        **_HANDLER,
    )
    for mark in dict.fromkeys(row["mark"] for row in rows if row["mark"] in MARKS):
        _marks(ax, place, [row for row in rows if row["mark"] == mark], MARKS[mark])


def _height(place: int, row: float) -> float:
    return place + _ROW * (row - (_ROWS - 1) / 2)


def _call(row: dict[Any, Any]) -> tuple[float, float]:
    """When a call began and ended, in ms since the start of the script."""
    return max(0.0, row["begin_us"] / 1000), row["end_us"] / 1000


def _marks(ax: Axes, place: int, rows: list[dict[Any, Any]], look: Mark) -> None:
    """Draw the marks of one kind in one lane, with two artists for all: a live tape is drawn again and again."""
    height = _height(place, look.row)
    calls = [_call(row) for row in rows]
    if rows[0]["mark"] not in _NOTIFICATIONS:  # the wait before a notification is the poller's, for all connections
        lasting = [moment for begin, end in calls for moment in (begin, end, math.nan)]  # nan: a gap in the line
        ax.plot(lasting, [height] * len(lasting), color=look.color, linewidth=2.5, alpha=0.35, zorder=2)
    at = [
        moment
        for row, call in zip(rows, calls, strict=True)
        for moment in (call if row["times"] > 1 else [max(0.0, row["at_us"] / 1000)])
    ]
    # Large: a ring around the read that it follows, or a stroke that is visible on both sides of a mark on it.
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
    """The spans, in ms, in which bytes of one connection lie in the kernel: from an arrival to the read of the last.

    rows: the marks of one connection, in order. Bytes that are never read lie there until the last mark.
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


def _from_outside(rows: list[dict[Any, Any]]) -> bool:
    """Whether these marks are a client's only: then nobody knows when its bytes were read."""
    return not any(row["mark"] in _SERVERS for row in rows) and any(row["mark"] in _CLIENTS for row in rows)


def legend(ax: Axes, frame: "pd.DataFrame", **where: Any) -> None:
    """Explain what this tape shows: its marks, long calls, bars. where: as for `Axes.legend`."""
    handles: list[Any] = [handle(look, look.words) for mark, look in MARKS.items() if mark in set(frame["mark"])]
    if "handler" in set(frame["mark"]):
        handles.append(Patch(**_HANDLER, label="handler"))
    handles += [
        Line2D([], [], color=MARKS[mark].color, linewidth=2.5, alpha=0.35, label=f"{MARKS[mark].words}, duration")
        for mark in _lasting(frame)
    ]
    if set(frame["mark"]) & _SERVERS or not set(frame["mark"]) & _CLIENTS:
        handles.append(Patch(facecolor=_UNREAD, label="unread bytes in the kernel"))
    ax.legend(handles=handles, frameon=False, fontsize=8, **where)


def handle(look: Mark, words: str) -> Line2D:
    """A mark as a handle for a legend."""
    mark: Any = {"marker": look.marker, "mfc": look.color if look.filled else "white", "linestyle": "none"}
    return Line2D([], [], color=look.color, label=words, **mark)


def _lasting(frame: "pd.DataFrame") -> list[str]:
    """The marks with at least one call that is long enough for its line to be visible."""
    long = (frame["end_us"] - frame["begin_us"].clip(lower=0)) > _LASTS * frame["end_us"].max()
    return [mark for mark in MARKS if mark not in _NOTIFICATIONS and mark in set(frame["mark"][long])]
