"""The figures of `iomux.timeline`: one request as a bar for each server, and the phases against concurrency.

Pale is waiting, full colour is work of the server's own thread: the two copies and what lies between. A phase
keeps its colour and its hatch in every figure.
"""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from iomux.harness.phases import PHASES
from iomux.style import new_axes, plain, style, under

if TYPE_CHECKING:
    import pandas as pd


class Look(NamedTuple):
    """How one phase is drawn everywhere."""

    color: str
    hatch: str
    words: str


LOOKS = {
    "request": Look("#e3e3e3", "", "request on its way"),
    "notify": Look("#b9d3ea", "///", "until the server is told"),
    "queue": Look("#e6dcf2", "...", "others first"),
    "recv": Look("#c0392b", "", "recv: the copy in"),
    "handler": Look("#f4d03f", "", "handler"),
    "send": Look("#1e8449", "", "send: the copy out"),
    "reply": Look("#e3e3e3", "\\\\", "reply on its way"),
    "client": Look("#efe3d0", "xx", "until the client has it"),
}
_COLUMNS = [f"{phase}_us" for phase in PHASES]
_NARROW = 0.06  # of the figure's width: a bar narrower than that has no room for its number


def timeline(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """One request as a bar for each server: the one whose total is the median of all that were followed.

    frame: from `iomux.timeline`, or several of them put together with `pandas.concat`.
    """
    ax = new_axes(ax)
    names = list(dict.fromkeys(frame["server"]))
    chosen = {name: _median_request(frame[frame["server"] == name]) for name in names}
    longest = max(float(row["total_us"]) for row in chosen.values())
    for place, row in enumerate(chosen.values()):
        _bar(ax, place, row, longest)
    ax.set_yticks(range(len(names)), names, fontweight="bold")
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(style(name, names).color)
    ax.invert_yaxis()
    ax.set_xlabel("µs since the client entered send")
    _legend(ax)
    size, crowd = frame["size_bytes"].iloc[0], frame["connections"].iloc[0]
    note = (
        f"for each server the request of median total; {size:,} bytes, {crowd:,} connections, {_active(frame)} active"
    )
    return under(plain(ax, "Where one request's time goes"), f"{note}\n{_machine(frame)}")


def phases(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The shares of each phase, stacked, for each server at each number of connections.

    frame: timelines of several servers and numbers of connections, put together with `pandas.concat`. Above
    each bar stands what its whole is: the median total.
    """
    ax = new_axes(ax)
    names, levels = list(dict.fromkeys(frame["server"])), sorted(frame["connections"].unique())
    places: list[float] = []
    labels: list[str] = []
    for group, level in enumerate(levels):
        here = frame[frame["connections"] == level]
        present = [name for name in names if name in set(here["server"])]
        for number, name in enumerate(present):
            places.append(group * (len(names) + 0.8) + number)
            labels.append(name)
            _column(ax, places[-1], here[here["server"] == name])
        middle = places[-1] - (len(present) - 1) / 2
        ax.annotate(f"{level:,} open", (middle, 0), (0, -30), **_BELOW)
    ax.set_xticks(places, labels)
    for tick, name in zip(ax.get_xticklabels(), labels, strict=True):
        tick.set_color(style(name, names).color)
        tick.set_fontsize(8)
    ax.set_ylim(0, 108)
    ax.set_yticks(range(0, 101, 20))
    ax.set_ylabel("share of the request's time, %")
    _legend(ax)
    note = f"medians of {len(frame) // len(places):,} requests a bar, above it the whole in µs; {_active(frame)} active"
    under(plain(ax, "The phases against concurrency"), f"\n\n{note}; {_machine(frame)}")
    return _without_grid(ax, "x")


def _without_grid(ax: Axes, axis: Literal["x", "y"]) -> Axes:
    """No lines along that axis: it is one of names, not of numbers."""
    ax.grid(False, axis=axis)
    return ax


_BELOW: Any = {
    "xycoords": ("data", "axes fraction"),
    "textcoords": "offset points",
    "ha": "center",
    "fontweight": "bold",
    "annotation_clip": False,
}


def _median_request(rows: "pd.DataFrame") -> "pd.Series[float]":
    """A real request, not a mean of many: its phases sum to its total."""
    return rows.sort_values("total_us").iloc[len(rows) // 2]


def _bar(ax: Axes, place: int, row: "pd.Series[float]", longest: float) -> None:
    left = 0.0
    for phase, look in LOOKS.items():
        width = float(np.nan_to_num(row[f"{phase}_us"]))
        ax.barh(
            place,
            width,
            left=left,
            color=look.color,
            hatch=look.hatch,
            edgecolor="white",
            linewidth=0.5,
            label=look.words,
            height=0.62,
        )
        if width > _NARROW * longest:
            box = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1}
            ax.annotate(f"{width:.0f}", (left + width / 2, place), ha="center", va="center", fontsize=8, bbox=box)
        left += width
    ax.annotate(f"{left:,.0f} µs", (left, place), (5, 0), textcoords="offset points", va="center", fontsize=9)


def _column(ax: Axes, place: float, rows: "pd.DataFrame") -> None:
    medians = rows[_COLUMNS].median().fillna(0)
    whole, bottom = float(medians.sum()), 0.0
    for phase, look in LOOKS.items():
        share = 100 * float(medians[f"{phase}_us"]) / whole
        ax.bar(
            place,
            share,
            bottom=bottom,
            color=look.color,
            hatch=look.hatch,
            edgecolor="white",
            linewidth=0.5,
            label=look.words,
            width=0.85,
        )
        bottom += share
    ax.annotate(f"{rows['total_us'].median():,.0f}", (place, 101), ha="center", va="bottom", fontsize=8)


def _legend(ax: Axes) -> None:
    bars = {container.get_label(): container for container in ax.containers}
    handles: Any = [bars[look.words] for look in LOOKS.values()]
    where: Any = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    ax.legend(handles=handles, **where, frameon=False, fontsize=8, handlelength=1.6, handleheight=1.4)


def _active(frame: "pd.DataFrame") -> str:
    return ", ".join(f"{count:,}" for count in sorted(frame["active"].unique()))


def _machine(frame: "pd.DataFrame") -> str:
    from iomux.harness.machine import describe

    return str(frame.attrs.get("machine") or describe())
