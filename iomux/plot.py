"""Figures of the course: each function takes and returns a matplotlib Axes.

A mechanism keeps its colour, its marker and its dash in every figure, so that lines can be told apart
without colour too. Colours: Okabe and Ito's palette, made for colour-blind readers ("Color Universal
Design", 2008). Lines are named where they end; spread is drawn; what was measured on what stands below.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from iomux.asking_plot import cpu_meter as cpu_meter
from iomux.asking_plot import pauses as pauses
from iomux.asking_plot import trade as trade
from iomux.canteen_plot import canteen as canteen
from iomux.copy_plot import copy_cost as copy_cost
from iomux.five_steps_plot import five_steps as five_steps
from iomux.growth_plot import growth as growth
from iomux.harness.machine import describe
from iomux.lab.figure import playground as playground
from iomux.memory_plot import memory as memory
from iomux.pass_along_plot import pass_along as pass_along
from iomux.phase_times_plot import phase_times as phase_times
from iomux.phases_plot import phases as phases
from iomux.steps_plot import steps as steps
from iomux.style import finish, lines, log_ticks, name_ends, new_axes, plain, style, thousands, under, wall
from iomux.style import pair as pair
from iomux.symptoms_plot import symptom as symptom
from iomux.tape_plot import tape as tape
from iomux.ticks_plot import ticks as ticks
from iomux.timeline_plot import timeline as timeline
from iomux.who_copies_plot import overlap as overlap
from iomux.who_copies_plot import who_copies as who_copies
from iomux.work_plot import work as work

if TYPE_CHECKING:
    import pandas as pd

    from iomux.harness.result import LoadResult, Nanoseconds


def latency(frame: "pd.DataFrame", ax: Axes | None = None, column: str = "p50_us") -> Axes:
    """Latency against connections, log-log: the median of the repeats, and a band from least to greatest.

    frame: from `iomux.sweep`. column: which percentile, in microseconds. Where select met its limit, a wall.
    """
    ax = new_axes(ax)
    lines(ax, frame, column, "log")
    ax.set_ylabel(f"{_percentile_name(column)} latency, µs")
    wall(ax, frame)
    return finish(ax, frame, "Latency against concurrency")


def cpu(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The server's processor time a request, in microseconds, against connections, log-log."""
    ax = new_axes(ax)
    lines(ax, frame, "cpu_us_per_request", "log")
    ax.set_ylabel("server CPU a request, µs")
    wall(ax, frame)
    return finish(ax, frame, "What a request costs the server")


def throughput(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Requests a second against connections; the vertical axis begins at nought."""
    ax = new_axes(ax)
    lines(ax, frame, "requests_per_s", "linear")
    ax.yaxis.set_major_formatter(thousands())
    ax.set_ylabel("requests a second")
    wall(ax, frame)
    return finish(ax, frame, "Throughput against concurrency")


def littles_law(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Throughput times mean latency, as a share of the active clients: Little's law puts each run at 1.

    frame: from `iomux.sweep(..., active=None)`. The servers' marks stand side by side around their level.
    J. D. C. Little, "A Proof for the Queuing Formula L = λW" (1961).
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
    note = f"{frame['size_bytes'].iloc[0]:,} bytes a request; each mark is one run; {frame.attrs.get('machine', '')}"
    return under(plain(ax, f"Little's law: {frame.attrs.get('active', '')} active"), note)


def distribution(
    runs: "Mapping[str, LoadResult | Nanoseconds]", ax: Axes | None = None, title: str = "Latency by percentile"
) -> Axes:
    """Latency by percentile, for one or more runs: from left to right the slower and rarer requests.

    runs: by its label, a result (its response times are drawn) or raw samples in nanoseconds. The horizontal
    axis is stretched towards 100 %, as in Gil Tene's HdrHistogram plots.
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
    # No unit to the 0: 50 % stands close beside it.
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * (1 - 1 / x):.6g} %" if x > 1 else "0"))
    ax.set_xlabel("share of requests that were at least as quick")
    ax.set_ylabel("latency, µs")
    name_ends(ax, ends)
    settings = [f"{label}: {run.setting()}" for label, run in runs.items() if not isinstance(run, np.ndarray)]
    return under(plain(ax, title), "\n".join([*settings, describe()]))


def _percentile_name(column: str) -> str:
    return {
        "p50_us": "median",
        "p90_us": "90th percentile",
        "p99_us": "99th percentile",
        "max_us": "greatest",
    }.get(column, column)
