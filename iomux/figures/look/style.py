"""The style of every figure, in one place for those who draw one: from here they import all of it.

A mechanism has the same colour, marker and dash everywhere (`mechanisms`); size, background and letters are the same
(`paper`); numbers and names do not overlap (`axes`); no line is drawn over a gap and spread is an interval (`lines`,
`spread`); a note below says what was measured (`notes`).
"""

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from iomux.figures.look.axes import End as End
from iomux.figures.look.axes import log_ticks as log_ticks
from iomux.figures.look.axes import name_ends as name_ends
from iomux.figures.look.lines import against as against
from iomux.figures.look.lines import broken as broken
from iomux.figures.look.lines import draw_dots as draw_dots
from iomux.figures.look.lines import draw_spread as draw_spread
from iomux.figures.look.lines import drawn as drawn
from iomux.figures.look.lines import gaps as gaps
from iomux.figures.look.lines import lines as lines
from iomux.figures.look.lines import medians as medians
from iomux.figures.look.mechanisms import STYLES as STYLES
from iomux.figures.look.mechanisms import Style as Style
from iomux.figures.look.mechanisms import in_order as in_order
from iomux.figures.look.mechanisms import style as style
from iomux.figures.look.notes import caption as caption
from iomux.figures.look.notes import doubts as doubts
from iomux.figures.look.notes import finish as finish
from iomux.figures.look.notes import note as note
from iomux.figures.look.notes import under as under
from iomux.figures.look.paper import GREY as GREY
from iomux.figures.look.paper import LABEL as LABEL
from iomux.figures.look.paper import SIZE_INCHES as SIZE_INCHES
from iomux.figures.look.paper import new_axes as new_axes
from iomux.figures.look.paper import pair as pair
from iomux.figures.look.paper import plain as plain
from iomux.figures.look.paper import without_window as without_window
from iomux.figures.look.spread import spread as spread

if TYPE_CHECKING:
    import pandas as pd

_SELECTS = 1024  # descriptors
_ROOM = 0.35  # of the axes' width: that the words need beside the line


def wall(ax: Axes, frame: "pd.DataFrame", each: int = 1) -> None:
    """Mark the limit of select, if it was met; each: descriptors for each connection or pair on the axis."""
    met = frame[(frame["server"] == "select") & frame["reason"].fillna("").str.contains("FD_SETSIZE")]
    if met.empty:
        return
    look, place = style("select"), _SELECTS / each
    words = "FD_SETSIZE, 1,024" if each == 1 else f"FD_SETSIZE, {place:,.0f} pairs\nof descriptors"
    ax.axvline(place, color=look.color, linewidth=1, linestyle=":")
    left = ax.transAxes.inverted().transform(ax.transData.transform((place, 1)))[0] > _ROOM
    ax.annotate(
        f"select's limit:\n{words}",
        (place, 0.97),
        (-6 if left else 6, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        color=look.color,
        ha="right" if left else "left",
        va="top",
    )


def thousands() -> FuncFormatter:
    """Write the numbers on an axis as 1,000."""
    return FuncFormatter(lambda value, _: f"{value:,.0f}")
