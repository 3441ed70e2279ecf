"""The figures of `iomux.who_copies`: whose processor time the copy took, and what overlapped.

Yellow is the application's own work, red is its time in the kernel, as in the figures of the timeline. Hatched
is the processor time of the kernel's threads at work, dotted that in which one of them watches an empty ring.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from iomux.figures.look.style import new_axes, plain, style, under
from iomux.system.units import size_name

if TYPE_CHECKING:
    import pandas as pd

    from iomux.harness.copying.who_copies_result import WhoCopies

_USER, _SYSTEM, _HELPERS, _WAITING = "#f4d03f", "#c0392b", "#b9a3d6", "#e3e3e3"
_THICK = 0.32
_SYSTEM_INK, _HELPERS_INK = "#7b241c", "#5b3f8c"  # darker than the bars, whose whiskers and numbers they are
_WORKED: Any = {"facecolor": _HELPERS, "hatch": "///", "edgecolor": "white"}
_WATCHED: Any = {"facecolor": "#f1ecf8", "hatch": "...", "edgecolor": _HELPERS}
_WHISKERS: Any = {"linewidth": 1.2, "capsize": 3}
_LEAST_MS = 0.05
_VISIBLE = 0.003  # of the longest bar: a narrower piece is not seen, and not in the legend


def who_copies(result: "WhoCopies", ax: Axes | None = None) -> Axes:
    """For each way the application's user and system time, below it the kernel threads' time; a mark at the wall time.

    The time in which SQPOLL's thread only watched the ring stands apart, where the kernel says how much it is.

    Bars and marks are medians of the rounds, whiskers their middle half. A recorded result is labelled as recorded.

    Example:
    >>> ax = iomux.plot.who_copies(iomux.who_copies(size=65536, count=2, repeats=1, progress=False))
    >>> ax.get_xlabel()
    'ms'
    """
    ax = new_axes(ax)
    ways = list(dict.fromkeys(result.frame["way"]))
    for place, way in enumerate(ways):
        rows = result.frame[result.frame["way"] == way]
        user, system = rows["user_ms"].median(), rows["system_ms"].median()
        above, below = place - _THICK / 2, place + _THICK / 2
        ax.barh(above, user, _THICK, color=_USER)
        ax.barh(above, system, _THICK, left=user, color=_SYSTEM)
        watching = rows["watched_ms"].fillna(0)
        worked, watched = (rows["helpers_ms"] - watching).median(), watching.median()
        ax.barh(below, watched, _THICK, left=worked, **_WATCHED)
        ax.barh(below, worked, _THICK, **_WORKED)
        _whisker(ax, rows["user_ms"] + rows["system_ms"], above, user + system, color=_SYSTEM_INK)
        _whisker(ax, rows["helpers_ms"], below, worked + watched, color=_HELPERS_INK)
        _whisker(ax, rows["wall_ms"], place, fmt="D", markersize=6, color="#444444")
        _say(ax, system, (user + system / 2, above - _THICK / 2), "bottom", _SYSTEM_INK)
        _say(ax, worked, ((worked + watched) / 2, below + _THICK / 2), "top", _HELPERS_INK, watched)
    looks = {"application, user": _USER, "application, system": _SYSTEM}
    handles: list[Any] = [Patch(color=color, label=words) for words, color in looks.items()]
    told = result.frame["watched_ms"].notna().all()
    handles.append(Patch(**_WORKED, label="the kernel's threads" + ("" if told else ", their watching too")))
    if told and result.frame.groupby("way")["watched_ms"].median().max() > _LEAST_MS:
        handles.append(Patch(**_WATCHED, label="the same, only watching the ring"))
    handles.append(Line2D([], [], color="#444444", marker="D", linestyle="", label="wall time"))
    return _finish(ax, result, ways, handles, "Who copies", "medians of {} rounds, whiskers: their middle half")


def _whisker(ax: Axes, values: "pd.Series[float]", place: float, at: float | None = None, **look: Any) -> None:
    low, middle, high = np.percentile(values, [25, 50, 75])
    at = float(middle if at is None else at)
    if high > 0:
        spread = [[max(0.0, at - low)], [max(0.0, high - at)]]
        ax.errorbar([at], [place], xerr=spread, **({"fmt": "none"} | look), **_WHISKERS)


def _say(ax: Axes, ms: float, edge: tuple[float, float], side: str, color: str, more: float = 0.0) -> None:
    """Write a time at the edge of its part of a bar, unless it is next to nothing; after it that of another part."""
    look: Any = {"color": color, "ha": "center", "va": side, "fontsize": 9, "fontweight": "bold"}
    if ms >= _LEAST_MS:
        up = 1 if side == "bottom" else -1
        words = f"{ms:.1f} + {more:.1f}" if more >= _LEAST_MS else f"{ms:.1f}"
        ax.annotate(words, edge, (0, up), textcoords="offset points", **look)


def overlap(result: "WhoCopies", ax: Axes | None = None) -> Axes:
    """The fastest round of each way over time: requesting, computing, waiting for the rest, and the bytes coming in.

    The line in each bar climbs from bottom to top as transfers are seen to be complete. With io_uring the thread looks
    after each fiftieth of the computing, and at the end. A step is several transfers that were seen at one look: when
    each of them was complete is unknown. A recorded result is labelled as recorded.

    Example:
    >>> ax = iomux.plot.overlap(iomux.who_copies(size=65536, count=2, repeats=1, progress=False))
    >>> ax.get_xlabel()
    'ms since the first request'
    """
    ax = new_axes(ax)
    ways = list(dict.fromkeys(result.frame["way"]))
    fastest = result.frame.sort_values("wall_ms").drop_duplicates("way").set_index("way")  # the least disturbed
    for place, way in enumerate(ways):
        row = fastest.loc[way]
        cuts = [0.0, *(float(row[name]) for name in ("asked_ms", "computed_ms", "wall_ms"))]
        for color, start, end in zip((_SYSTEM, _USER, _WAITING), cuts, cuts[1:], strict=False):
            ax.barh(place, end - start, 2 * _THICK, left=start, color=color)
        mine = result.transfers[(result.transfers["way"] == way) & (result.transfers["round"] == row["round"])]
        _stairs(ax, np.sort(mine["seen_ms"].to_numpy(dtype=float)), place, cuts[-1])
    looks = {"requesting, in system calls": _SYSTEM, "computing": _USER, "waiting for the rest": _WAITING}
    waited = (fastest["wall_ms"] - fastest["computed_ms"] > _VISIBLE * fastest["wall_ms"].max()).any()
    handles: list[Any] = [
        Patch(color=color, label=words) for words, color in looks.items() if color != _WAITING or waited
    ]
    handles.append(Line2D([], [], color="black", label=f"transfers seen complete, 0 to {result.count}"))
    note = "the fastest of {} rounds of each; a step: transfers seen complete at one look"
    return _finish(ax, result, ways, handles, "The application's thread, and the bytes coming in", note)


def _stairs(ax: Axes, seen: Any, place: int, end: float) -> None:
    x = np.concatenate([[0.0], seen, [end]])
    share = np.concatenate([[0.0], np.arange(1, len(seen) + 1) / len(seen), [1.0]])
    ax.step(x, place + _THICK - 2 * _THICK * share, where="post", color="black", linewidth=1.4)


def _named(way: str) -> str:
    return "io_uring\nby default" if way == "io_uring" else way.replace(" ", "\n")


def _finish(ax: Axes, result: "WhoCopies", ways: list[str], handles: list[Any], title: str, note: str) -> Axes:
    ax.set_yticks(range(len(ways)), [_named(way) for way in ways], fontweight="bold")
    for tick, way in zip(ax.get_yticklabels(), ways, strict=True):
        tick.set_color(style(way.partition(" ")[0]).color)
    ax.set_ylim(len(ways) - 0.4, -0.6)
    ax.set_xlim(left=0)
    ax.set_xlabel("ms" if title == "Who copies" else "ms since the first request")
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=4, frameon=False, fontsize=8)
    what = f"{result.count} × {size_name(result.size_bytes)}; {note.format(result.frame['round'].nunique())}"
    heading = f"RECORDED on {result.machine}\n{title}" if result.recorded else title
    where = result.where.replace(f"{result.machine}, ", f"{result.machine},\n")  # a longer line would squeeze the axes
    under(plain(ax, heading), f"\n\n\n{what}\n{where}")
    ax.grid(False, axis="y")
    return ax
