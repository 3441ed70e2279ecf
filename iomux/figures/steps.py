"""The figure of `iomux.harness.tape.steps`: what several servers do for the same clients, one lane each over time."""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from iomux.figures.look.phases import LOOKS
from iomux.figures.look.style import new_axes, plain, style, under
from iomux.figures.tape import MARKS, draw_lanes, handle, legend
from iomux.harness.tape.trigger_modes import STEPS
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_BARS = {"wait for read": LOOKS["notify"], "wait for write": LOOKS["queue"], "handler": LOOKS["handler"]}
"""Steps that last; a phase that the timeline has too looks the same there."""
_CALLS = {"accept": "accept", "recv": "read", "send": "write", "close": "close"}
"""Steps that are calls, marked as on the tape: some take microseconds, too short for a bar."""
_ROWS = {"accept": 0.0, "recv": -0.2, "send": 0.2, "close": 0.2}
"""The place of a call within its lane: calls in quick succession would hide each other. A send is at the bottom."""
_THICK, _CALL_THICK = 0.7, 0.3


def steps(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A lane over time for each client of each server: waits and handlers as bars, calls as marks at their ends.

    A call that takes long is also a bar, up to its mark.

    frame: from `iomux.harness.tape.steps.steps`.

    Example:
    >>> from iomux.harness.tape.steps import steps
    >>> ax = iomux.plot.steps(steps("poll", [(0.0, "ann", b"hello"), (0.05, "ann", b"")]))
    >>> ax.get_xlabel()
    'ms since the script began'
    """
    ax = new_axes(ax)
    servers = list(dict.fromkeys(frame["server"]))
    clients = sorted(set(frame["client"]))
    lanes = [(server, client) for client in clients for server in servers]
    for place, (server, client) in enumerate(lanes):
        rows = frame[(frame["server"] == server) & (frame["client"] == client)]
        _lane(ax, place + 0.6 * clients.index(client), rows)
    ax.set_yticks(
        [place + 0.6 * clients.index(client) for place, (_, client) in enumerate(lanes)],
        [f"{client}: {server}" for server, client in lanes],
    )
    for tick, (server, _) in zip(ax.get_yticklabels(), lanes, strict=True):
        tick.set_color(style(server, servers).color)
    ax.invert_yaxis()
    ax.set_xlim(left=-ax.get_xlim()[1] / 50)  # so that the first marks are not on the axis
    ax.set_xlabel("ms since the script began")
    _legend(ax, set(frame["step"]))
    plain(ax, "The same clients, step by step")
    ax.grid(False, axis="y")
    return under(ax, f"marks: a call has returned; bars of the same colour: how long it took; {describe()}")


def _lane(ax: Axes, height: float, rows: "pd.DataFrame") -> None:
    for row in rows.to_dict("records"):
        begin, end, step = max(0.0, row["begin_us"] / 1000), max(0.0, row["end_us"] / 1000), row["step"]
        if step in _BARS:
            look = _BARS[step]
            bar: Any = {"color": look.color, "hatch": look.hatch, "edgecolor": "white", "linewidth": 0.3, "zorder": 1}
            ax.barh(height, end - begin, left=begin, height=_THICK, **bar)
        else:
            mark, at = MARKS[_CALLS[step]], height + _ROWS[step]
            ax.barh(at, end - begin, left=begin, height=_CALL_THICK, color=mark.color, zorder=2, linewidth=0)
            edge: Any = {"mec": "white", "mew": 0.6} if mark.marker in "o^" else {}
            ax.plot(end, at, mark.marker, color=mark.color, markersize=6.5, zorder=3, clip_on=False, **edge)


def _legend(ax: Axes, present: set[str]) -> None:
    bars: list[Any] = [
        Patch(facecolor=look.color, hatch=look.hatch, edgecolor="white", label=step)
        for step, look in _BARS.items()
        if step in present
    ]
    marks: list[Any] = [handle(MARKS[mark], step) for step, mark in _CALLS.items() if step in present]
    where: Any = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    ax.legend(handles=[*bars, *marks], **where, frameon=False, fontsize=8)


_COLORS = {"level": style("epoll").color, "edge": style("epoll-et").color, "one-shot": "#000000"}
"""The colour of the server that watches in that mode; no server uses one-shot."""


def five_steps(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A lane over time for each mode: marks for what happened, and for what two calls of epoll said after each step.

    frame: from `iomux.harness.tape.trigger_modes.five_steps`. Raises ValueError for a frame without marks.

    Example:
    >>> from iomux.harness.tape.trigger_modes import five_steps
    >>> ax = iomux.plot.five_steps(five_steps())
    >>> ax.get_xlabel()
    'ms since the first step'
    """
    if frame.empty:
        raise ValueError("no step was taken: there is nothing to draw")
    ax = new_axes(ax)
    draw_lanes(ax, frame)
    for tick in ax.get_yticklabels():
        tick.set(color=_COLORS[tick.get_text()], fontweight="bold")
    ax.set_xlabel("ms since the first step")
    legend(ax, frame, loc="center left", bbox_to_anchor=(1.01, 0.5))
    plain(ax, "The same five steps: what does epoll say?")
    ax.grid(False, axis="y")
    _name_steps(ax, frame)
    return under(ax, f"marks: when a call began; dotted: a new step begins; {describe()}")


def _name_steps(ax: Axes, frame: "pd.DataFrame") -> None:
    spans = frame.groupby("step")["at_us"].agg(["min", "max"]) / 1000
    for begin in spans["min"].iloc[1:]:
        ax.axvline(begin - 1.5, color="#999999", linewidth=0.8, linestyle=":", zorder=2)
    above = ax.secondary_xaxis("top")
    # Every other name is a line higher: on a busy machine two steps may be close together.
    names = [STEPS[step - 1] + "\n" * (place % 2) for place, step in enumerate(spans.index)]
    above.set_xticks(spans.mean(axis=1).to_list(), names, fontsize=8)
    above.tick_params(length=0)
    above.spines["top"].set_visible(False)
