"""How the phases of a request look in every figure: colours, hatches, a stacked bar, the legend.

Pale is the time until the next one has the request: on its way, being told, being woken. Full colour is work
of the server's own thread: the two copies and what lies between. A phase keeps its colour in every figure.
"""

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from matplotlib.axes import Axes

from iomux.harness.timeline.phases import PHASES

if TYPE_CHECKING:
    import pandas as pd


class Look(NamedTuple):
    """How one phase is drawn everywhere."""

    color: str
    hatch: str
    words: str


LOOKS = {
    "request": Look("#e3e3e3", "", "request on its way"),
    "notify": Look("#b9d3ea", "///", "until the server is told"),
    "queue": Look("#e6dcf2", "...", "told, not yet served"),
    "recv": Look("#c0392b", "", "recv: the copy in"),
    "handler": Look("#f4d03f", "", "handler"),
    "send": Look("#1e8449", "", "send: the copy out"),
    "reply": Look("#e3e3e3", "\\\\", "reply on its way"),
    "client": Look("#efe3d0", "xx", "until the client has it"),
}
COLUMNS = [f"{phase}_us" for phase in PHASES]
"""The phases' columns in a timeline."""
_LEAST = 0.1  # of µs, or of per cent: what is nowhere more can't be seen, and the legend does not name it


def stacked(ax: Axes, place: float, values: "pd.Series[float]", thick: float, upright: bool) -> float:
    """Draw one request's phases end to end, upright or lying; return where the bar ends.

    values: by column, as in a timeline; a phase that is NaN has no length.
    """
    end = 0.0
    for phase, look in LOOKS.items():
        length = float(values[f"{phase}_us"])
        length = 0.0 if math.isnan(length) else length
        drawn: Any = {"color": look.color, "hatch": look.hatch, "edgecolor": "white", "linewidth": 0.5}
        if upright:
            ax.bar(place, length, thick, bottom=end, label=look.words, **drawn)
        else:
            ax.barh(place, length, thick, left=end, label=look.words, **drawn)
        end += length
    return end


def one_experiment(frame: "pd.DataFrame") -> None:
    """Raise ValueError where there is no request, or requests that were asked differently would be drawn as one."""
    if frame.empty:
        raise ValueError("there is no request in these timelines: nothing to draw")
    for column in ("size_bytes", "active"):
        if (frame.groupby(["server", "connections"])[column].nunique() > 1).any():
            found = ", ".join(f"{number:,}" for number in sorted(frame[column].unique()))
            raise ValueError(f"{column} is {found}: draw timelines of one {column} at a time")


def without_grid(ax: Axes, axis: Literal["x", "y"]) -> Axes:
    """No lines along that axis: it is one of names, not of numbers."""
    ax.grid(False, axis=axis)
    return ax


def legend(ax: Axes) -> None:
    """Name the phases that can be seen in at least one bar: on the loopback `reply` is empty."""
    boxes: Any = ax.containers
    bars = {box.get_label(): box for box in boxes if min(box[0].get_width(), box[0].get_height()) > _LEAST}
    handles: Any = [bars[look.words] for look in LOOKS.values() if look.words in bars]
    where: Any = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    ax.legend(handles=handles, **where, frameon=False, fontsize=8, handlelength=1.6, handleheight=1.4)


def active_in(frame: "pd.DataFrame") -> str:
    """How many connections were active in these timelines: one number, or several."""
    return ", ".join(f"{count:,}" for count in sorted(frame["active"].unique()))


def machine_of(frame: "pd.DataFrame") -> str:
    """What measured, and not what draws; of several timelines put together each has its own."""
    if "machine" in frame:
        return " and ".join(dict.fromkeys(frame["machine"]))
    return str(frame.attrs.get("machine", ""))
