"""The figures of `iomux.sweep`: latency, processor time, throughput, Little's law, and the work of one request."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.figures.look.measured import check_measured
from iomux.figures.look.notes import doubts, finish, note, under
from iomux.figures.look.style import in_order, lines, log_ticks, new_axes, plain, style, thousands, wall
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_BAR = 0.2  # half of a bar's height, of the height of a row: more of it would touch the figures below, in 11 rows
_COST = "cpu_us_per_request"
_LEAST_AROUND_1 = 0.15  # of the axis of Little's law: a deviation of a per cent should not look large


def work(frame: "pd.DataFrame", ax: Axes | None = None, title: str = "The work of one request") -> Axes:
    """Processor time per request: a mark for each run, a bar at their median, the lowest median at the top.

    frame: from `iomux.sweep`, at one number of connections; the note below says which of its runs are in doubt. Or a
    column for each mechanism, by its name, and a row for each round, in microseconds. `.attrs["machine"]` says where it
    was measured, if that was not here. Raises ValueError for a sweep of several levels, whose costs are not one.

    Example:
    >>> frame = iomux.sweep(["select", "poll"], 1, repeats=2, duration=0.05, progress=False)
    >>> ax = iomux.plot.work(frame)
    >>> ax.get_xlabel()
    'processor time per request, µs'
    """
    costs, ax = _costs(frame), new_axes(ax)
    middle = costs.median().sort_values()
    names, columns = [str(name) for name in middle.index], [str(name) for name in costs.columns]
    for place, name in enumerate(names):  # a look goes by the column: the order of the medians differs from run to run
        look, values = style(name, columns), costs[name].dropna().to_numpy()
        ax.plot(values, [place] * len(values), look.marker, color=look.color, markersize=7, alpha=0.35)
        ax.plot([middle[name]] * 2, [place - _BAR, place + _BAR], color=look.color, linewidth=3)
        above: Any = {"textcoords": "offset points", "color": look.color, "fontweight": "bold"}
        ax.annotate(f"{middle[name]:.1f} µs", (middle[name], place - _BAR), (0, 3), ha="center", **above)
    ax.set_yticks(range(len(names)), names, fontweight="bold")
    for tick, name in zip(ax.get_yticklabels(), names, strict=True):
        tick.set_color(style(name, columns).color)
    ax.set_ylim(len(names) - 0.5, -0.7)
    edge = 1.1 * float(costs.quantile(0.95).max())  # rounds that the machine disturbed would squeeze the others
    ax.set_xlim(0, edge)
    beyond = int((costs > edge).to_numpy().sum())
    ax.set_xlabel("processor time per request, µs")
    plain(ax, title)
    ax.grid(False, axis="y")
    marks = f"mark: one round of {len(costs)}; bar: their median"
    hidden = f"{beyond} marks lie beyond the axis" if beyond else ""
    return under(ax, note(marks, hidden, doubts(frame), frame.attrs.get("machine", describe())))


def _costs(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The processor time per request by round and server, in microseconds: of a sweep, or the table as it is."""
    if _COST not in frame:
        return frame
    check_measured(frame, _COST)
    if len(levels := frame[["connections", "active"]].drop_duplicates()) > 1:
        some = f"{levels['connections'].iloc[0]} connections with {levels['active'].iloc[0]} active"
        raise ValueError(f"the frame has {len(levels)} levels, {some} and others: select the rows of one of them")
    return frame.pivot(index="repeat", columns="server", values=_COST).dropna(axis="columns", how="all")


def latency(frame: "pd.DataFrame", ax: Axes | None = None, column: str = "p50_us") -> Axes:
    """Latency against connections, log-log: the median of the repeats, and their spread as a bar.

    frame: from `iomux.sweep`. column: which percentile, in microseconds. The bar is a 95 % interval of the median from
    6 rounds on, else from least to greatest, and below 10 rounds each of them is a dot. Levels that are more than a
    decade apart are not joined. A vertical line marks select's limit, if met.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.latency(frame)
    >>> ax.get_ylabel()
    'median latency, µs (log scale)'
    """
    check_measured(frame, column)
    ax = new_axes(ax)
    lines(ax, frame, column, "log")
    ax.set_ylabel(f"{_percentile_name(column)} latency, µs (log scale)")
    wall(ax, frame)
    return finish(ax, frame, "Latency against concurrency", column)


def cpu(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The server's processor time per request, in microseconds, against connections, log-log.

    frame: from `iomux.sweep`, of one or more servers.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.cpu(frame)
    >>> ax.get_ylabel()
    'server CPU per request, µs (log scale)'
    """
    check_measured(frame, "cpu_us_per_request")
    ax = new_axes(ax)
    lines(ax, frame, "cpu_us_per_request", "log")
    ax.set_ylabel("server CPU per request, µs (log scale)")
    wall(ax, frame)
    return finish(ax, frame, "What a request costs the server", "cpu_us_per_request")


def throughput(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Requests a second against connections; the vertical axis starts at 0.

    frame: from `iomux.sweep`, of one or more servers.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.throughput(frame)
    >>> ax.get_ylabel()
    'requests a second'
    """
    check_measured(frame, "requests_per_s")
    ax = new_axes(ax)
    lines(ax, frame, "requests_per_s", "linear")
    ax.yaxis.set_major_formatter(thousands())
    ax.set_ylabel("requests a second")
    wall(ax, frame)
    return finish(ax, frame, "Throughput against concurrency", "requests_per_s")


def littles_law(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Throughput times mean latency, as a share of the active clients: Little's law puts each run at 1.

    frame: from `iomux.sweep(..., active=None)`. The marks of several servers stand side by side around their level.
    J. D. C. Little, "A Proof for the Queuing Formula L = λW" (1961).

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], active=None, repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.littles_law(frame)
    >>> ax.get_ylabel()
    'throughput × mean latency ÷ clients'
    """
    ax = new_axes(ax)
    measured = frame[frame["reason"].fillna("") == ""]
    names = in_order(measured["server"])
    for place, name in enumerate(names):
        rows, look = measured[measured["server"] == name], style(name, names)
        beside = 1.2 ** (place - (len(names) - 1) / 2) * 1.04 ** (rows["repeat"] - rows["repeat"].mean())
        ratio = rows["requests_per_s"] * rows["mean_us"] / 1e6 / rows["active"]
        ax.plot(
            rows["active"] * beside,
            ratio,
            linestyle="",
            marker=look.marker,
            color=look.color,
            label=name,
            markersize=7,
            alpha=0.7,
        )
    ax.axhline(1, color="#999999", linewidth=1, zorder=0)
    ax.text(1.01, 1, "L = λ · W", transform=ax.get_yaxis_transform(), color="#666666", va="center")
    ax.set_xscale("log")
    log_ticks(ax.xaxis)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 1 - _LEAST_AROUND_1), max(high, 1 + _LEAST_AROUND_1))
    ax.set_xlabel("active clients (requests in flight), L")
    ax.set_ylabel("throughput × mean latency ÷ clients")
    ax.legend(frameon=False, loc="lower left", ncol=len(names))
    said = (
        "in a closed loop λ and W are counted over the same requests, so only those under way at either end are missing"
    )
    marks = "each mark is one round; those of one level stand side by side"
    words = note(f"{frame['size_bytes'].iloc[0]:,} bytes per request; {marks}", said)
    heading = f"Little's law: {frame.attrs.get('active', '')} active"
    return under(plain(ax, heading), note(words, doubts(frame), frame.attrs.get("machine", "")))


def _percentile_name(column: str) -> str:
    return {
        "p50_us": "median",
        "p90_us": "90th percentile",
        "p99_us": "99th percentile",
        "max_us": "greatest",
    }.get(column, column)
