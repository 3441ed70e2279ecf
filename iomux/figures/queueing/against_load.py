"""Latency against load: what a request waits for while the server gets busier, with the theory's line behind it.

Both figures show the same bend, the hockey stick. Against *utilisation* it stands at the same place for every server
with a constant service time, so the theory's line can be drawn; against requests a *second* it stands where the
server's capacity is, so servers can be compared.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from iomux.figures.look.lines import broken, draw_dots, draw_spread, gaps
from iomux.figures.look.notes import doubts, note, under
from iomux.figures.look.spread import spread, words
from iomux.figures.look.style import in_order, log_ticks, name_ends, new_axes, plain, style, thousands
from iomux.harness.load.queueing import mean_wait_us

if TYPE_CHECKING:
    import pandas as pd

_NAMES = {"mean_us": "mean latency", "p50_us": "median latency", "p90_us": "90th percentile of latency"}
_THEORY = "#999999"


def waiting(frame: "pd.DataFrame", service_us: float, ax: Axes | None = None, variation: float = 0.0) -> Axes:
    """The mean wait for a server's attention against its utilisation: the medians of the runs, their spread, a line.

    frame: a row for each run, with the columns `arrivals` (the line's name), `utilisation` (from 0 to 1) and `wait_us`,
    the mean time beyond that of a request that finds the server free. service_us, variation: the mean of the server's
    times for a request, and their standard deviation as a share of it, for the theory's line
    (`iomux.harness.load.queueing.mean_wait_us`).

    Example:
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"arrivals": "poisson", "utilisation": [0.2, 0.5, 0.8], "wait_us": [30, 90, 450]})
    >>> iomux.plot.waiting(runs, service_us=200).get_xlabel()
    'utilisation: the share of its time in which the server works'
    """
    ax = new_axes(ax)
    upto = np.linspace(0, min(0.97, float(frame["utilisation"].max()) + 0.02), 200)
    theory = [mean_wait_us(float(share), service_us, variation) for share in upto]
    ax.plot(upto, theory, color=_THEORY, linewidth=6, alpha=0.4, solid_capstyle="butt")
    names = list(dict.fromkeys(frame["arrivals"]))
    ends = [(upto[-1], theory[-1], "theory", "#666666")]
    for name in names:
        x, y = _marks(ax, frame[frame["arrivals"] == name], name, names, ("utilisation", "wait_us"))
        ends.append((x, y, name, style(name, names).color))
    ax.set_xlim(0, 1)
    top = 1.15 * max(y for _, y, _, _ in ends)
    ax.set_ylim(min(-0.02 * top, float(frame["wait_us"].min())), top)
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
    ax.yaxis.set_major_formatter(thousands())
    ax.set_xlabel("utilisation: the share of its time in which the server works")
    ax.set_ylabel("mean wait, µs")
    name_ends(ax, ends)
    served = f"theory: Pollaczek and Khinchine, service time {service_us:,.0f} µs, variation {variation:g}"
    rounds = words(frame.groupby(["arrivals", "utilisation"]).size())
    return under(plain(ax, "How long a request waits"), _noted(frame, served, rounds + _above(frame, top)))


def knee(frame: "pd.DataFrame", column: str = "p50_us", within_us: float = 1_000.0) -> "pd.Series[float]":
    """The highest rate, by server, up to which latency stays within an objective, in requests a second.

    frame: from `iomux.load` or `iomux.sweep` at several rates. column: of the frame, with microseconds; the median of
    the runs counts. within_us: the objective. Rates are those that were measured, so the knee lies between this one and
    the next. NaN if the lowest rate is too much.

    Example:
    >>> import pandas as pd
    >>> from iomux.figures.queueing.against_load import knee
    >>> frame = pd.DataFrame({"server": "poll", "rate_per_s": [1e3, 2e3, 4e3], "p50_us": [100.0, 150.0, 9_000.0]})
    >>> float(knee(frame)["poll"])
    2000.0
    """
    import pandas as pd

    medians = frame.groupby(["server", "rate_per_s"], sort=False)[column].median().unstack().sort_index(axis=1)
    found = {str(name): _last_within(row.dropna(), within_us) for name, row in medians.iterrows()}
    return pd.Series(found, dtype=float).rename_axis("server")


def _last_within(by_rate: "pd.Series[float]", within_us: float) -> float:
    """The last rate before latency first exceeds the objective."""
    beyond = np.flatnonzero(by_rate.to_numpy() > within_us)
    within = by_rate.index[: beyond[0] if len(beyond) else None]
    return float(within[-1]) if len(within) else float("nan")


def latency_against_load(
    frame: "pd.DataFrame", ax: Axes | None = None, column: str = "p50_us", within_us: float = 1_000.0
) -> Axes:
    """Latency against planned requests a second, one line a server; a ring marks the last rate within an objective.

    frame: from `iomux.load` (`row()`, with a column `server`) or `iomux.sweep`, at several rates. column: of the frame,
    with microseconds. within_us: the objective for the latency, a dotted line. The line joins
    the medians of the runs, a bar is their spread. Both axes are logarithmic.

    Example:
    >>> import pandas as pd
    >>> runs = [iomux.sweep("poll", 2, rate=rate, repeats=1, duration=0.1, progress=False) for rate in (500, 1000)]
    >>> iomux.plot.latency_against_load(pd.concat(runs)).get_ylabel()
    'median latency, µs (log scale)'
    """
    ax = new_axes(ax)
    names, knees = in_order(frame["server"]), knee(frame, column, within_us)
    ends = []
    for name in names:
        rows, look = frame[frame["server"] == name].dropna(subset=[column]), style(name, names)
        if rows.empty:
            continue
        ends.append((*_marks(ax, rows, name, names, ("rate_per_s", column)), name, look.color))
        at = float(rows[rows["rate_per_s"] == knees[name]][column].median())
        ax.plot(knees[name], at, "o", markersize=16, markerfacecolor="none", markeredgecolor=look.color)
    ax.axhline(within_us, color="#999999", linewidth=1, linestyle=":", zorder=0)
    ax.set(xscale="log", yscale="log")
    ax.margins(x=0.1)
    log_ticks(ax.xaxis)
    log_ticks(ax.yaxis)
    ax.set_xlabel("planned requests a second (log scale)")
    ax.set_ylabel(f"{_NAMES.get(column, column)}, µs (log scale)")
    name_ends(ax, ends)
    who = f"{int(frame['active'].iloc[0]):,} of {int(frame['connections'].iloc[0]):,} connections active"
    spaced = "Poisson" if "poisson" in set(frame["arrivals"]) else "even"
    what = f"{who}, {spaced} arrivals; ring: the last rate within {within_us:,.0f} µs"
    rounds = words(frame[frame[column].notna()].groupby(["server", "rate_per_s"]).size())
    apart = "not joined: rates more than a decade apart" if gaps(sorted(frame["rate_per_s"].unique())) else ""
    return under(plain(ax, "Latency against load"), _noted(frame, what, rounds, apart))


def _marks(
    ax: Axes, rows: "pd.DataFrame", name: str, names: Sequence[str], columns: tuple[str, str]
) -> tuple[float, float]:
    """Draw the median of the rounds at each load, their spread, and a line; return where the line ends."""
    across, up = columns
    look = style(name, names)
    found = {float(str(load)): spread(rounds) for load, rounds in rows.groupby(across)[up]}
    x, y = list(found), [each.median for each in found.values()]
    draw_spread(ax, x, list(found.values()), look)
    draw_dots(ax, rows, up, look, across=across)
    joined = (broken(x, x), broken(y, x)) if across == "rate_per_s" else (x, y)  # a rate is on a logarithmic axis
    ax.plot(*joined, color=look.color, marker=look.marker, linestyle=look.dash, linewidth=2)
    return x[-1], y[-1]


def _noted(frame: "pd.DataFrame", *parts: str) -> str:
    return note(*parts, doubts(frame), frame.attrs.get("machine", ""))


def _above(frame: "pd.DataFrame", top: float) -> str:
    """How many runs are not shown, because a disturbed one would press all others to the floor."""
    count = int((frame["wait_us"] > top).sum())
    return f" ({count} of {len(frame)} above the figure)" if count else ""
