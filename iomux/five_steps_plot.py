"""The figure of level, edge and one-shot: the tape of each, with the five steps named above it."""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from iomux.harness.five_steps import STEPS
from iomux.tape_plot import tape

if TYPE_CHECKING:
    import pandas as pd


def five_steps(frame: "pd.DataFrame", ax: Axes | None = None) -> Axes:
    """A line of time a mode, marks for what happened and for what epoll said, asked twice after each step.

    frame: from `iomux.harness.five_steps.five_steps`. Raises ValueError for a frame without marks.
    """
    ax = tape(frame, ax, title="The same five steps: what does epoll say?")
    spans = frame.groupby("step")["at_us"].agg(["min", "max"]) / 1000
    for begin in spans["min"].iloc[1:]:
        ax.axvline(begin - 1.5, color="#999999", linewidth=0.8, linestyle=":", zorder=2)
    above = ax.secondary_xaxis("top")
    # Every other name stands a line higher: on a busy machine two steps may follow each other closely.
    names = [STEPS[step - 1] + "\n" * (place % 2) for place, step in enumerate(spans.index)]
    above.set_xticks(spans.mean(axis=1).to_list(), names, fontsize=8)
    above.tick_params(length=0)
    above.spines["top"].set_visible(False)
    return ax
