"""The playground's figure: latency and processor time of each run over time, and the event tape of the latest run.

The live view draws it twice a second, so its layout is fixed: matplotlib's own layout takes longer than the drawing.
It never touches pyplot, whose state belongs to the main thread.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator, NullLocator

from iomux.figures.look.style import End, log_ticks, name_ends, plain, style
from iomux.figures.tape import draw_lanes, legend
from iomux.system.machine import describe
from iomux.system.units import size_name

if TYPE_CHECKING:
    import pandas as pd


class Run(Protocol):
    """What the figure needs of one run of the playground: `iomux.lab.run.Run` has it."""

    @property
    def setting(self) -> Any:
        """What was run: mechanism, idle, active, size, handler_ms, rate."""

    @property
    def ticks(self) -> Sequence[Any]:
        """The readings of each half second: a `pulse` of the clients, and the server's `cpu_share`."""

    @property
    def untraceable(self) -> str:
        """Why there can be no tape; empty if there can."""

    def tape(self) -> "pd.DataFrame":
        """The latest events of the server's first clients; empty before the first."""


_SIZE_INCHES, _DOTS_PER_INCH = (9.6, 6.4), 100
PIXELS = (960, 640)
"""Width and height of what `png` returns."""
_SHORTEST_S = 2.0  # of the time axis: a run that has just started does not fill it
_LATENCY, _CPU = (0.11, 0.59, 0.28, 0.36), (0.635, 0.59, 0.145, 0.36)
"""Left, bottom, width and height, as parts of the figure: each leaves room for the names at the ends of its lines."""
_TAPE = (0.11, 0.165, 0.875, 0.3)
_USUAL_BYTES = 64  # per request: a name says the size if it is another
_MARKERS = 20  # on one line, at most
_LINE_POINTS = 12
_LONG_NAME = 25  # letters: a longer name is written smaller, down to 7 points
_GREY = "#5c5c5c"


def playground(runs: Sequence[Run], figure: Figure | None = None) -> Axes:
    """Latency (median and 99th percentile) and processor time of each run, tick by tick, and the tape of the latest.

    runs: of a `Playground`. figure: draw into this one; by default a new one. Returns the Axes of the latency.

    Example:
    >>> run = iomux.playground("poll", idle=10).run(seconds=1.2)
    >>> ax = iomux.plot.playground([run])
    >>> ax.get_ylabel()
    'µs (log scale)'
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH)
    latency, cpu, tape = (figure.add_axes(place) for place in (_LATENCY, _CPU, _TAPE))
    seen = [run for run in runs if run.ticks]
    longest = max([_SHORTEST_S, *(run.ticks[-1].pulse.at_s for run in seen)])
    _latency(latency, seen, longest)
    _cpu(cpu, seen, longest)
    _tape(tape, runs)
    words = f"names: mechanism, idle + active, size if not {_USUAL_BYTES} bytes, handler delay, planned rate if any; "
    figure.text(0.005, 0.008, words + describe(), fontsize=8, color=_GREY)
    return latency


def png(runs: Sequence[Run]) -> bytes:
    """The figure as a PNG image."""
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH)
    playground(runs, figure)
    with io.BytesIO() as file:
        figure.savefig(file, format="png", pil_kwargs={"compress_level": 1})
        return file.getvalue()


def _latency(ax: Axes, runs: Sequence[Run], longest: float) -> None:
    ends: list[End] = []
    for run in runs:
        answered = [tick.pulse for tick in run.ticks if tick.pulse.requests]
        if not answered:
            continue
        look, strength = style(run.setting.mechanism), _strength(run, runs)
        x = [pulse.at_s for pulse in answered]
        middle, slow = [pulse.p50_us for pulse in answered], [pulse.p99_us for pulse in answered]
        ax.fill_between(x, middle, slow, color=look.color, alpha=0.12 * strength, linewidth=0)
        ax.plot(x, slow, color=look.color, alpha=0.6 * strength, linewidth=0.8)
        _line(ax, x, middle, run, strength)
        ends.append((longest, middle[-1], _name(run), look.color))
    _over_time(ax, longest, "Latency: median (thick), 99th percentile (thin)", "µs (log scale)")
    if ends:
        ax.set_yscale("log")
        ax.margins(y=0.12)
        log_ticks(ax.yaxis)
        ax.yaxis.set_minor_locator(NullLocator())
        _named(ax, ends)
    else:
        ax.text(0.5, 0.5, "no answer yet", transform=ax.transAxes, ha="center", color=_GREY, fontsize=8)


def _named(ax: Axes, ends: list[End]) -> None:
    """Write the names next to the axes, at the height of the lines' ends; the line of an earlier run may be shorter.

    Where there are many, they are pushed up again: below the axes is the title of the tape.
    """
    name_ends(ax, ends)
    points = 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    floor = ax.get_window_extent().y0 * points
    for text in reversed([text for text in ax.texts if isinstance(text, Annotation)]):
        text.set_fontsize(max(7.0, min(9.0, 9 * _LONG_NAME / len(text.get_text()))))
        across, up = text.xyann
        end = float(ax.transData.transform(text.xy)[1]) * points
        text.xyann = (across, max(up, floor - end))
        floor = end + text.xyann[1] + _LINE_POINTS


def _line(ax: Axes, x: list[float], y: list[float], run: Run, strength: float) -> None:
    look, every = style(run.setting.mechanism), len(x) // _MARKERS + 1
    ax.plot(x, y, color=look.color, alpha=strength, marker=look.marker, linestyle=look.dash, ms=5, markevery=every)


def _cpu(ax: Axes, runs: Sequence[Run], longest: float) -> None:
    ends: list[End] = []
    for run in runs:
        x, y = [tick.pulse.at_s for tick in run.ticks], [100 * tick.cpu_share for tick in run.ticks]
        _line(ax, x, y, run, _strength(run, runs))
        ends.append((longest, y[-1], _name(run), style(run.setting.mechanism).color))
    _over_time(ax, longest, "The server's processor time", "% of a core")
    ax.set_ylim(-4, max(108, ax.get_ylim()[1]))
    _named(ax, ends)


def _tape(ax: Axes, runs: Sequence[Run]) -> None:
    last = runs[-1] if runs else None
    frame = last.tape() if last else None
    if last is None or frame is None or frame.empty:
        ax.set_axis_off()
        words = (
            f"no tape of {last.setting.mechanism}: {last.untraceable}" if last and last.untraceable else "no tape yet"
        )
        ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", color=_GREY)
        return
    draw_lanes(ax, frame)
    ax.set_xlabel("ms since the first mark")
    clients = frame["client"].nunique()
    which = "connection" if last.setting.active == 1 else f"{clients} active connections"
    _plain(ax, f"Event tape of {last.setting.mechanism} under load: the latest events of its first {which}")
    ax.grid(False, axis="y")
    legend(ax, frame, loc="upper center", bbox_to_anchor=(0.45, -0.21), ncol=7, columnspacing=1.2)


def _over_time(ax: Axes, until: float, title: str, unit: str) -> None:
    _plain(ax, title)
    ax.set_xlim(0, until * 1.02)  # room for the last marker
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    ax.set_xlabel("seconds of the run")
    ax.set_ylabel(unit)


def _plain(ax: Axes, title: str) -> None:
    # Without y matplotlib lays out every tick label once more, to place the title above them.
    plain(ax, title).set_title(title, loc="left", fontweight="bold", fontsize=10, y=1.0)


def _strength(run: Run, runs: Sequence[Run]) -> float:
    return 1.0 if run is runs[-1] else 0.4


def _name(run: Run) -> str:
    setting = run.setting
    size = f", {size_name(setting.size)}" if setting.size != _USUAL_BYTES else ""
    more = f", {setting.handler_ms:g} ms" if setting.handler_ms else ""
    more += f", {setting.rate:,g}/s" if setting.rate else ""
    return f"{setting.mechanism}, {setting.idle:,} + {setting.active:,}{size}{more}"
