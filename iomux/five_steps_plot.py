"""The figure of level, edge and one-shot: the tape of each, with the five steps named above it."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from iomux.harness.five_steps import STEPS
from iomux.harness.machine import describe
from iomux.style import new_axes, plain, style, under
from iomux.tape_plot import draw_lanes, legend

if TYPE_CHECKING:
    import pandas as pd

_COLORS = {"level": style("epoll").color, "edge": style("epoll-et").color, "one-shot": "#000000"}
"""The colours that the servers have which watch in that mode; one-shot has none."""


def five_steps(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A line of time a mode, marks for what happened and for what epoll said, asked twice after each step.

    frame: from `iomux.harness.five_steps.five_steps`. Raises ValueError for a frame without marks.
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
    # Every other name stands a line higher: on a busy machine two steps may follow each other closely.
    names = [STEPS[step - 1] + "\n" * (place % 2) for place, step in enumerate(spans.index)]
    above.set_xticks(spans.mean(axis=1).to_list(), names, fontsize=8)
    above.tick_params(length=0)
    above.spines["top"].set_visible(False)
