"""The note below a figure: what its marks are, how and on which machine it was measured, and what speaks against it."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.text import Annotation

from iomux.figures.look.lines import drawn
from iomux.figures.look.paper import GREY, NARROW, NOTE, plain

if TYPE_CHECKING:
    import pandas as pd

_NOTE = "note"
_LETTERS, _NARROW_LETTERS = 108, 66  # that fit below axes
_SHORT_NAME = 12  # letters; longer names on the vertical axis take their width from the axes, and so from the note


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
    """How many runs of a sweep have doubts, and one of the most frequent; how many were dropped for one; or nothing."""
    if "doubts" not in frame:
        return ""
    said = frame["doubts"].fillna("")
    said = said[said != ""]
    few = f"in doubt: {len(said)} of {len(frame)} runs ({_most_frequent(said)})" if len(said) else ""
    again = int(frame.attrs.get("doubtful", 0))
    return note(
        few, f"{again} disturbed {'run was' if again == 1 else 'runs were'} dropped and repeated" if again else ""
    )


def arrivals(frame: "pd.DataFrame") -> str:
    """How the requests of a sweep came, closed or open loop; empty for a frame that does not say."""
    if "rate_per_s" not in frame:
        return ""
    if frame["rate_per_s"].isna().all():
        return "closed loop"
    spaced = "evenly spaced" if (frame["arrivals"] == "even").all() else "Poisson arrivals"
    return f"open loop, {frame['rate_per_s'].max():,.0f} requests a second, {spaced}"


def _most_frequent(said: "pd.Series[str]") -> str:
    """The first of the sentences that occur most often, whatever their numbers."""
    sentences = said.str.split("; ").explode()
    kinds = sentences.str.replace(r"[\d.,]+", "", regex=True)
    return str(sentences[kinds == kinds.mode().iloc[0]].iloc[0])


def doubts_of(runs: Mapping[str, Any]) -> list[str]:
    """The gravest doubt of each result, after its label: a line each; nothing of raw samples."""
    return [f"{label}, in doubt: {run.doubts[0]}" for label, run in runs.items() if getattr(run, "doubts", ())]


def under(ax: Axes, text: str) -> Axes:
    """Write a note below a figure: how and on which machine it was measured."""
    letters = _NARROW_LETTERS if ax.get_position().width < NARROW else _LETTERS
    longest = max((len(label.get_text()) for label in ax.get_yticklabels()), default=0)
    letters -= max(0, longest - _SHORT_NAME) * 3 // 2
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
