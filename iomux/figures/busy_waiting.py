"""The figures of busy waiting: a CPU meter over time, and what a longer sleep between two rounds does to latency."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from iomux.figures.look.lines import draw_spread
from iomux.figures.look.notes import doubts, note, under
from iomux.figures.look.spread import words
from iomux.figures.look.style import End, Style, log_ticks, name_ends, new_axes, plain, spread, style
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_BELOW: Any = {"textcoords": "offset points", "fontsize": 8, "color": "#555555", "va": "top"}
_LEAST_PERCENT = 0.01
_ROUNDED_PERCENT = 110  # a reading of 100 ms may have a timer's tick too many, of 10 ms at most (time(7), HZ)
_BESIDE: Any = {"textcoords": "offset points", "fontsize": 8}
_WORDS = {
    "p50_us": "median latency of one client, µs (log scale)",
    "cpu_share": "CPU in silence, % of a core (log scale)",
}


def cpu_meter(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """The share of a core that servers use over time, with what their clients do at each moment.

    frame: from `iomux.harness.cpu_meter.record_cpu`, of one server, or of several joined with `pandas.concat`.
    The name of an act stands where the act began with the first server.

    Example:
    >>> from iomux.harness.cpu_meter import record_cpu
    >>> with iomux.start("poll") as server:
    ...     frame = record_cpu(server, ("one asks", lambda: iomux.load(server, duration=0.1)))
    >>> iomux.plot.cpu_meter(frame).get_ylabel()
    'processor time, % of a core'
    """
    ax = new_axes(ax)
    names = list(dict.fromkeys(frame["server"]))
    ends: list[End] = []
    for name in names:
        rows, look = frame[frame["server"] == name], style(name, names)
        x, y = rows["at_s"].to_numpy(), 100 * rows["cpu_share"].to_numpy()
        y[(y > 100) & (y <= _ROUNDED_PERCENT)] = 100
        ax.plot(x, y, color=look.color, linestyle=look.dash, marker=look.marker, markersize=4, linewidth=1.5)
        ends.append((float(x[-1]), float(y[-1]), name, look.color))
    first = frame[frame["server"] == names[0]]
    for act, rows in first.groupby("act", sort=False):
        begin = rows["at_s"].min()
        ax.axvline(begin, color="#999999", linewidth=0.8, linestyle=":", zorder=0)
        ax.annotate(str(act), (begin, 1.0), (3, -3), xycoords=("data", "axes fraction"), **_BELOW)
    ax.set_ylim(-5, 130)
    ax.set_xlim(0, 1.18 * frame["at_s"].max())
    ax.set_yticks(range(0, 101, 20))
    ax.set_xlabel("seconds")
    ax.set_ylabel("processor time, % of a core")
    name_ends(ax, ends)
    over = "up to 110 % is drawn at 100 %: the kernel keeps the account in steps of some milliseconds"
    return under(plain(ax, "The server's CPU meter"), note(over, frame.attrs.get("machine", "")))


def pauses(frame: "pd.DataFrame", column: str, ax: Axes | None = None) -> Axes:
    """Processor time or latency against the sleep between two rounds of asking all clients, log-log.

    frame: one row for each run, with `pause_us`, the length of the sleep; `cpu_share`, the share of a core that the
    server used while all clients were silent; and `p50_us`, the median latency of one client. A logarithmic axis has no
    0: a sleep of 0 is drawn a decade to the left of the shortest other one, as "none". column: which of the two is
    drawn. The line joins the medians of each sleep's runs, but not that of no sleep at all, which a logarithmic axis
    cannot show at its distance; a bar is their spread, as in `iomux.plot.latency`.

    Example:
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pause_us": [0, 100], "cpu_share": [1.0, 0.1], "p50_us": [40.0, 150.0]})
    >>> iomux.plot.pauses(frame, "p50_us").get_ylabel()
    'median latency of one client, µs (log scale)'
    """
    ax = new_axes(ax)
    look, scale = style("nonblocking"), _scale(column)
    values = {float(str(pause)): spread(runs * scale) for pause, runs in frame.groupby("pause_us")[column]}
    shortest = min(pause for pause in values if pause > 0)
    place = {pause: pause or shortest / 10 for pause in values}
    draw_spread(ax, list(place.values()), list(values.values()), look)
    ax.scatter(frame["pause_us"].map(place), frame[column] * scale, 40, color=look.color, marker=".", alpha=0.45)
    for sleeps in ([0.0], [pause for pause in values if pause > 0]):
        line: Any = {
            "color": look.color,
            "marker": look.marker,
            "linestyle": look.dash,
            "linewidth": 2,
            "markersize": 8,
        }
        joined = [pause for pause in sleeps if pause in values]
        ax.plot([place[pause] for pause in joined], [values[pause].median for pause in joined], **line)
    _log_both(ax)
    ax.set_xticks(list(place.values()), [_words(pause) for pause in values])
    ax.set_xlabel("sleep between two rounds")
    ax.set_ylabel(_WORDS[column])
    title = "Latency" if column == "p50_us" else "Processor time"
    return under(plain(ax, title), note(words(frame.groupby("pause_us").size()), doubts(frame), describe()))


def trade(frame: "pd.DataFrame", notified: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """Processor time against latency, log-log: a point for each sleep, and servers that sleep until notified.

    frame: as for `pauses`. notified: one row for each run of a server that needs no such sleep, with `server`,
    `cpu_share` and `p50_us`. The median of several runs is drawn, and each single run small and pale. A share below
    0.01 % is drawn at 0.01 %, because a logarithmic axis has no 0, and its label says so.

    Example:
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"pause_us": [0, 100], "cpu_share": [1.0, 0.1], "p50_us": [40.0, 150.0]})
    >>> told = pd.DataFrame({"server": ["poll"], "cpu_share": [0.0], "p50_us": [60.0]})
    >>> iomux.plot.trade(frame, told).get_xlabel()
    'median latency of one client, µs (log scale)'
    """
    ax = new_axes(ax)
    look = style("nonblocking")
    middle = frame.groupby("pause_us")[["p50_us", "cpu_share"]].median()
    x, y = middle["p50_us"], 100 * middle["cpu_share"]
    _runs(ax, frame, look)
    ax.plot(x, y, color=look.color, marker=look.marker, linestyle=look.dash, linewidth=2, markersize=8)
    for place, (pause, latency, share) in enumerate(zip(middle.index, x, y, strict=True)):
        offset, side = ((-8, -12), "right") if place % 2 else ((8, 6), "left")  # neighbours may be close together
        ax.annotate(f"sleep: {_words(pause)}", (latency, share), offset, color=look.color, ha=side, **_BESIDE)
    for place, (name, rows) in enumerate(notified.groupby("server", sort=False)):
        _notified(ax, str(name), rows, place)
    _log_both(ax)
    log_ticks(ax.xaxis)
    ax.set_xlabel(_WORDS["p50_us"])
    ax.set_ylabel(_WORDS["cpu_share"])
    runs = "large: medians; small and pale: single rounds"
    said = note(runs, doubts(frame), doubts(notified), describe())
    return under(plain(ax, "A longer sleep: less work, later answers"), said)


def _runs(ax: Axes, rows: "pd.DataFrame", look: Style) -> None:
    shares = (100 * rows["cpu_share"]).clip(lower=_LEAST_PERCENT)
    ax.scatter(rows["p50_us"], shares, 12, color=look.color, marker=look.marker, alpha=0.35, linewidths=0)


def _notified(ax: Axes, name: str, rows: "pd.DataFrame", place: int) -> None:
    """Draw a server that sleeps until notified: hollow, and smaller than the one before, as marks may coincide."""
    look, share = style(name), 100 * float(rows["cpu_share"].median())
    at = float(rows["p50_us"].median()), max(share, _LEAST_PERCENT)
    words = f"{name}: sleeps until notified" + (" (drawn at 0.01 %, is less)" if share < _LEAST_PERCENT else "")
    _runs(ax, rows, look)
    ax.plot(*at, look.marker, color=look.color, markersize=15 - 5 * place, markerfacecolor="none", markeredgewidth=2)
    ax.annotate(words, at, (-6, 12 if place % 2 else -22), color=look.color, **_BESIDE)


def _scale(column: str) -> float:
    return 100.0 if column == "cpu_share" else 1.0


def _words(pause_us: float) -> str:
    if pause_us == 0:
        return "none"
    return f"{pause_us:,.0f} µs" if pause_us < 1000 else f"{pause_us / 1000:,.0f} ms"


def _log_both(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.margins(x=0.2, y=0.12)
    ax.autoscale_view()
    log_ticks(ax.yaxis)
    ax.xaxis.set_minor_locator(NullLocator())
