"""How a whole is shared: clients among workers, outcomes among clients, memory among those who have it.

A bar for each case, from 0, with the parts one after another: so both the whole and the first part can be compared from
bar to bar. A part is told by its place, its hatching and its number as well as by its colour.
"""

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.figures.look.notes import note, under
from iomux.figures.look.paper import BACKGROUND, TITLE, new_axes, plain
from iomux.figures.look.style import thousands
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")  # Okabe and Ito
_HATCHES = ("", "//", "..", "\\\\", "xx", "--", "oo", "")
_ROW_INCHES, _REST_INCHES, _LEGEND_INCHES = 0.55, 1.5, 0.28
_LEGEND_POINTS = 18
_LEAST = 0.055  # of the longest bar: a part that is shorter has no room for its number
_IN_A_ROW = 4


def shares(frame: "pd.DataFrame", title: str, unit: str, ax: Axes | None = None, setting: str = "") -> Axes:
    """A horizontal bar for each case, made of its parts.

    frame: a row for each part of each case, with the columns `bar` and `part`, names in the order in which they are
    drawn, and `value`, 0 or more. unit: what the values are, at the axis. setting: how it was measured, for the note
    below. `.attrs["machine"]` says where, if that was not here.

    Example:
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"bar": "by hash", "part": ["worker 1", "worker 2"], "value": [48, 52]})
    >>> iomux.plot.shares(frame, "Who gets 100 clients", "clients").get_xlabel()
    'clients'
    """
    bars, parts = list(dict.fromkeys(frame["bar"])), list(dict.fromkeys(frame["part"]))
    rows = -(-len(parts) // _IN_A_ROW)
    ax = new_axes(ax, _REST_INCHES + _ROW_INCHES * len(bars) + _LEGEND_INCHES * rows)
    values = frame.pivot_table("value", "bar", "part", aggfunc="sum", sort=False).reindex(bars)[parts].fillna(0.0)
    longest, left = float(values.sum(axis=1).max()), values[parts[0]] * 0.0
    for number, part in enumerate(parts):
        look: Any = {"color": _COLORS[number % len(_COLORS)], "hatch": _HATCHES[number % len(_HATCHES)]}
        drawn = ax.barh(range(len(bars)), values[part], 0.62, left=left, label=part, edgecolor=BACKGROUND, **look)
        texts = [f"{value:,.0f}" if value > _LEAST * longest else "" for value in values[part]]
        for text in ax.bar_label(drawn, texts, label_type="center", fontweight="bold"):
            text.set_bbox({"facecolor": BACKGROUND, "edgecolor": "none", "pad": 1.5} if text.get_text() else None)
        left = left + values[part]
    ax.set_yticks(range(len(bars)), bars)
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.set_xlim(0, longest * 1.03)
    ax.xaxis.set_major_formatter(thousands())
    ax.set_xlabel(unit)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=min(_IN_A_ROW, len(parts)), frameon=False)
    plain(ax, title).grid(False, axis="y")
    ax.set_title(title, loc="left", fontweight="bold", fontsize=TITLE, pad=12 + _LEGEND_POINTS * rows)
    return under(ax, note(setting, frame.attrs.get("machine", describe())))
