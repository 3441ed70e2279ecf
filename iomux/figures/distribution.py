"""The figure of a run's latencies by percentile: from the median to the slowest request."""

from collections.abc import Mapping
from math import isnan
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from iomux.figures.look.notes import doubts_of
from iomux.figures.look.style import log_ticks, name_ends, new_axes, plain, style, under
from iomux.harness.load.percentiles import percentile
from iomux.system.machine import describe

if TYPE_CHECKING:
    from iomux.harness.load.result import LoadResult, Nanoseconds

_TAILS = (2, 10, 100, 1000, 10_000)
"""The marked percentiles, as one in how many requests is slower."""


def distribution(
    runs: "Mapping[str, LoadResult | Nanoseconds]",
    ax: Axes | None = None,
    title: str = "Latency by percentile",
    setting: str = "",
) -> Axes:
    """Latency by percentile, for one or more runs: from left to right the slower and rarer requests.

    runs: by label, a result (its response times are drawn) or raw samples in nanoseconds. The horizontal
    axis is stretched towards 100 %, as in Gil Tene's HdrHistogram plots. A mark stands at 50, 90, 99, ... %, as far as
    at least ten requests were slower; the line goes on to the slowest. setting: written below, for raw samples, which
    do not know how they were taken.

    Example:
    >>> with iomux.start("poll") as server:
    ...     ax = iomux.plot.distribution({"poll": iomux.load(server, duration=0.1)})
    >>> ax.get_ylabel()
    'latency, µs (log scale)'
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
        ax.plot(1 / beyond, values, color=look.color, linewidth=2)  # solid: gaps of a dash would look like the data's
        known = {tail: us for tail in _TAILS if not isnan(us := percentile(values, 1 - 1 / tail))}
        ax.plot(list(known), list(known.values()), look.marker, color=look.color, markersize=9)
        ends.append((float(1 / beyond[-1]), float(values[-1]), label, look.color))
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(left=1)
    log_ticks(ax.yaxis)
    ax.xaxis.set_major_locator(FixedLocator([1, 2, *(10.0**n for n in range(1, 8))]))
    ax.xaxis.set_minor_locator(NullLocator())
    # The 0 is left out: 50 % is close to it.
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * (1 - 1 / x):.6g} %" if x > 1 else ""))
    ax.set_xlabel("share of requests that were at least as fast")
    ax.set_ylabel("latency, µs (log scale)")
    name_ends(ax, ends)
    settings = [f"{label}: {run.setting()}" for label, run in runs.items() if not isinstance(run, np.ndarray)]
    return under(
        plain(ax, title), "\n".join(line for line in (*settings, setting, *doubts_of(runs), describe()) if line)
    )
