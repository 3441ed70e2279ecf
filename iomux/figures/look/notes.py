"""The note below a figure: what its marks are, how and on which machine it was measured, and what speaks against it."""

import textwrap
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.text import Annotation

from iomux.figures.look.lines import drawn
from iomux.figures.look.paper import GREY, NOTE, plain

if TYPE_CHECKING:
    import pandas as pd

_NOTE = "note"
_NARROW = 0.5  # axes with a smaller share of the figure's width are narrow
_LETTERS, _NARROW_LETTERS = 108, 66  # that fit below axes


def finish(ax: Axes, frame: "pd.DataFrame", title: str, column: str) -> Axes:
    """Add the title, the grid, and a note below with the rounds and the machine. column: the one drawn."""
    active = frame.attrs.get("active", "")
    who = f"{active} active" if active else ""
    of_each = f"{frame['size_bytes'].iloc[0]:,} bytes per request; at least {_fewest(frame):,} requests in each round"
    heading = f"{title}: {who}" if who else title
    return under(plain(ax, heading), note(drawn(frame, column), of_each, doubts(frame), frame.attrs.get("machine", "")))


def note(*parts: str) -> str:
    """The parts that are not empty, as one text."""
    return "; ".join(part for part in parts if part)


def doubts(frame: "pd.DataFrame") -> str:
    """How many rounds of a sweep have doubts, and the most frequent one; empty if none has."""
    if "doubts" not in frame:
        return ""
    said = frame["doubts"].fillna("")
    said = said[said != ""]
    if said.empty:
        return ""
    return f"in doubt: {len(said)} of {len(frame)} rounds ({said.str.split('; ').explode().mode().iloc[0]})"


def under(ax: Axes, text: str) -> Axes:
    """Write a note below a figure: how and on which machine it was measured."""
    letters = _NARROW_LETTERS if ax.get_position().width < _NARROW else _LETTERS
    ax.annotate(
        "\n".join(textwrap.fill(line, letters) for line in text.split("\n")),
        (0, 0),
        (0, -44),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=NOTE,
        color=GREY,
        va="top",
        gid=_NOTE,
    )
    return ax


def caption(ax: Axes) -> str:
    """The note below a figure as one line of text, for whoever shows the figure without its cell.

    Example:
    >>> frame = iomux.sweep("poll", [1, 10], repeats=2, duration=0.05, progress=False)
    >>> iomux.plot.caption(iomux.plot.latency(frame)).startswith("mark: median of 2 rounds; bar: least to greatest")
    True
    """
    notes = [text for text in ax.texts if isinstance(text, Annotation) and text.get_gid() == _NOTE]
    return " ".join(" ".join(text.get_text().split()) for text in notes)


def _fewest(frame: "pd.DataFrame") -> int:
    measured = frame[frame["reason"].fillna("") == ""]
    return int(measured["requests"].min()) if len(measured) else 0
