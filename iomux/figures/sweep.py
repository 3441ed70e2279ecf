"""The figures of `iomux.sweep` and `iomux.load`: latency, processor time, throughput, percentiles, work per request."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from iomux.figures.look.doubtful import doubtful, doubts_of
from iomux.figures.look.style import finish, lines, log_ticks, name_ends, new_axes, plain, style, thousands, under, wall
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

    from iomux.harness.load.result import LoadResult, Nanoseconds


def work(frame: "pd.DataFrame", ax: Axes | None = None, title: str = "The work of one request") -> Axes:
    """Processor time per request: a mark for each run, a bar at their median, the lowest median at the top.

    frame: a column for each mechanism, by its name, and a row for each round; microseconds.

    Example:
    >>> frame = iomux.sweep(["select", "poll"], 1, repeats=2, duration=0.05, progress=False)
    >>> ax = iomux.plot.work(frame.pivot(index="repeat", columns="server", values="cpu_us_per_request"))
    >>> ax.get_xlabel()
    'processor time per request, µs'
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
    ax.set_xlim(0, 1.1 * float(frame.quantile(0.95).max()))  # a round that the machine disturbed is not drawn
    ax.set_xlabel("processor time per request, µs")
    plain(ax, title)
    ax.grid(False, axis="y")
    return under(ax, f"mark: one round of {len(frame)}; bar: their median; {describe()}")


def latency(frame: "pd.DataFrame", ax: Axes | None = None, column: str = "p50_us") -> Axes:
    """Latency against connections, log-log: the median of the repeats, and a band from least to greatest.

    frame: from `iomux.sweep`. column: which percentile, in microseconds. A vertical line marks select's limit, if met.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.latency(frame)
    >>> ax.get_ylabel()
    'median latency, µs'
    """
    ax = new_axes(ax)
    lines(ax, frame, column, "log")
    ax.set_ylabel(f"{_percentile_name(column)} latency, µs")
    wall(ax, frame)
    return finish(ax, frame, "Latency against concurrency")


def cpu(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The server's processor time per request, in microseconds, against connections, log-log.

    frame: from `iomux.sweep`, of one or more servers.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.cpu(frame)
    >>> ax.get_ylabel()
    'server CPU per request, µs'
    """
    ax = new_axes(ax)
    lines(ax, frame, "cpu_us_per_request", "log")
    ax.set_ylabel("server CPU per request, µs")
    wall(ax, frame)
    return finish(ax, frame, "What a request costs the server")


def throughput(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Requests a second against connections; the vertical axis starts at 0.

    frame: from `iomux.sweep`, of one or more servers.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.throughput(frame)
    >>> ax.get_ylabel()
    'requests a second'
    """
    ax = new_axes(ax)
    lines(ax, frame, "requests_per_s", "linear")
    ax.yaxis.set_major_formatter(thousands())
    ax.set_ylabel("requests a second")
    wall(ax, frame)
    return finish(ax, frame, "Throughput against concurrency")


def littles_law(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Throughput times mean latency, as a share of the active clients: Little's law puts each run at 1.

    frame: from `iomux.sweep(..., active=None)`. The marks of several servers stand side by side around their level.
    J. D. C. Little, "A Proof for the Queuing Formula L = λW" (1961).

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], active=None, repeats=1, duration=0.05, progress=False)
    >>> ax = iomux.plot.littles_law(frame)
    >>> ax.get_ylabel()
    'throughput × mean latency ÷ clients, λ · W / L'
    """
    ax = new_axes(ax)
    measured = frame[frame["reason"].fillna("") == ""]
    names = list(dict.fromkeys(measured["server"]))
    for place, name in enumerate(names):
        rows, look = measured[measured["server"] == name], style(name, names)
        beside = 1.15 ** (place - (len(names) - 1) / 2)
        ratio = rows["requests_per_s"] * rows["mean_us"] / 1e6 / rows["active"]
        ax.plot(rows["active"] * beside, ratio, look.marker, color=look.color, label=name, markersize=8, alpha=0.7)
    ax.axhline(1, color="#999999", linewidth=1, zorder=0)
    ax.text(1.01, 1, "L = λ · W", transform=ax.get_yaxis_transform(), color="#666666", va="center")
    ax.set_xscale("log")
    log_ticks(ax.xaxis)
    ax.set_ylim(0, max(1.3, ax.get_ylim()[1]))
    ax.set_xlabel("active clients (requests in flight), L")
    ax.set_ylabel("throughput × mean latency ÷ clients, λ · W / L")
    ax.legend(frameon=False, loc="lower left", ncol=len(names))
    note = f"{frame['size_bytes'].iloc[0]:,} bytes per request; each mark is one run; {frame.attrs.get('machine', '')}"
    return under(plain(ax, f"Little's law: {frame.attrs.get('active', '')} active"), f"{note}{doubtful(frame)}")


def distribution(
    runs: "Mapping[str, LoadResult | Nanoseconds]", ax: Axes | None = None, title: str = "Latency by percentile"
) -> Axes:
    """Latency by percentile, for one or more runs: from left to right the slower and rarer requests.

    runs: by label, a result (its response times are drawn) or raw samples in nanoseconds. The horizontal
    axis is stretched towards 100 %, as in Gil Tene's HdrHistogram plots.

    Example:
    >>> with iomux.start("poll") as server:
    ...     ax = iomux.plot.distribution({"poll": iomux.load(server, duration=0.1)})
    >>> ax.get_ylabel()
    'latency, µs'
    """
    ax = new_axes(ax)
    ends = []
    for label, run in runs.items():
        look = style(label, list(runs))
        samples = run if isinstance(run, np.ndarray) else run.response_ns
        values = np.sort(samples) / 1000
        if not len(values):
            continue
        beyond = 1 - (np.arange(len(values)) + 0.5) / len(values)
        ax.plot(1 / beyond, values, color=look.color, linestyle=look.dash, linewidth=2)
        ends.append((float(1 / beyond[-1]), float(values[-1]), label, look.color))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(left=1)
    log_ticks(ax.yaxis)
    ax.xaxis.set_major_locator(FixedLocator([1, 2, *(10.0**n for n in range(1, 8))]))
    ax.xaxis.set_minor_locator(NullLocator())
    # The 0 has no unit: 50 % is close to it.
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * (1 - 1 / x):.6g} %" if x > 1 else "0"))
    ax.set_xlabel("share of requests that were at least as fast")
    ax.set_ylabel("latency, µs")
    name_ends(ax, ends)
    settings = [f"{label}: {run.setting()}" for label, run in runs.items() if not isinstance(run, np.ndarray)]
    return under(plain(ax, title), "\n".join([*settings, *doubts_of(runs), describe()]))


def _percentile_name(column: str) -> str:
    return {
        "p50_us": "median",
        "p90_us": "90th percentile",
        "p99_us": "99th percentile",
        "max_us": "greatest",
    }.get(column, column)
