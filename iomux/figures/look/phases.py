"""How the phases of a request look in every figure: colours, hatches, a stacked bar, the legend.

Pale colours are times of waiting until the next party has the request: transport, notification, wake-up. Full colours
are work of the server's own thread: the two copies and the handler. A phase has the same colour in every figure.
"""

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from matplotlib.axes import Axes

from iomux.figures.look.mechanisms import STYLES
from iomux.harness.timeline.phases import PHASES

if TYPE_CHECKING:
    import pandas as pd


class Look(NamedTuple):
    """How one phase is drawn everywhere."""

    color: str
    hatch: str
    words: str


LOOKS = {
    "request": Look("#e3e3e3", "", "request: in transit"),
    "notify": Look("#b9d3ea", "///", "notify: until notified"),
    "queue": Look("#e6dcf2", "...", "queue: notified, waits its turn"),
    "recv": Look("#c0392b", "", "recv: the call that copies in"),
    "handler": Look("#f4d03f", "", "handler"),
    "send": Look("#1e8449", "", "send: the call that copies out"),
    "reply": Look("#e3e3e3", "\\\\", "reply: in transit"),
    "client": Look("#efe3d0", "xx", "client: until it has the reply"),
}
UNSEEN = Look("#ffffff", "oo", "the server, not seen from outside")
"""All that lies between the client's `send` and the reply, where nothing of the server's process is seen."""
COLUMNS = [f"{phase}_us" for phase in PHASES]
"""The phases' columns in a timeline."""
_SERVERS = COLUMNS[1 : COLUMNS.index("reply_us")]
_LEAST = 0.1  # µs or per cent: a phase that never exceeds it is invisible, and the legend leaves it out


def stacked(ax: Axes, place: float, values: "pd.Series[float]", thick: float, upright: bool) -> float:
    """Draw the phases of one request end to end, as a vertical or horizontal bar; return where the bar ends.

    values: by column, as in a timeline; a phase that is NaN has no length, and its time is in a later one. If all
    of the server's own are NaN, the first one after them is not what it is called elsewhere, and is drawn as unseen.
    """
    end = 0.0
    unseen = not_seen(values)
    for phase, look in LOOKS.items():
        length = float(values[f"{phase}_us"])
        if unseen and not math.isnan(length):
            look, unseen = UNSEEN, False
        length = 0.0 if math.isnan(length) else length
        edge = "#999999" if look is UNSEEN else "white"
        drawn: Any = {"color": look.color, "hatch": look.hatch, "edgecolor": edge, "linewidth": 0.5}
        if upright:
            ax.bar(place, length, thick, bottom=end, label=look.words, **drawn)
        else:
            ax.barh(place, length, thick, left=end, label=look.words, **drawn)
        end += length
    return end


def not_seen(values: "pd.Series[float]") -> bool:
    """Whether a timeline's row is of a server that is seen from outside only."""
    return bool(values[_SERVERS].isna().all())


def left_out(frame: "pd.DataFrame") -> str:
    """What a note says of servers whose waits were not seen, though the rest was; empty if there are none.

    Not of registered servers: the course says what each of those has.
    """
    own = [name for name in dict.fromkeys(frame["server"]) if name not in STYLES]
    rows = {name: frame[frame["server"] == name] for name in own}
    blind = [name for name in own if rows[name]["queue_us"].isna().all() and rows[name]["notify_us"].notna().any()]
    return f"not seen, and in notify: the queue of {', '.join(blind)}" if blind else ""


def one_experiment(frame: "pd.DataFrame") -> None:
    """Raise ValueError if there is no request, or if requests of different experiments would be drawn as one."""
    if frame.empty:
        raise ValueError("there is no request in these timelines: nothing to draw")
    for column in ("size_bytes", "active"):
        if (frame.groupby(["server", "connections"])[column].nunique() > 1).any():
            found = ", ".join(f"{number:,}" for number in sorted(frame[column].unique()))
            raise ValueError(f"{column} is {found}: draw timelines of one {column} at a time")


def without_grid(ax: Axes, axis: Literal["x", "y"]) -> Axes:
    """Remove the grid lines of an axis that holds names, not numbers."""
    ax.grid(False, axis=axis)
    return ax


def legend(ax: Axes) -> None:
    """Name the phases that are visible in at least one bar: on the loopback `reply` is empty."""
    boxes: Any = ax.containers
    bars = {box.get_label(): box for box in boxes if min(box[0].get_width(), box[0].get_height()) > _LEAST}
    handles: Any = [bars[look.words] for look in (*LOOKS.values(), UNSEEN) if look.words in bars]
    where: Any = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    ax.legend(handles=handles, **where, frameon=False, fontsize=8, handlelength=1.6, handleheight=1.4)


def active_in(frame: "pd.DataFrame") -> str:
    """The number of active connections in these timelines, or the several numbers."""
    return ", ".join(f"{count:,}" for count in sorted(frame["active"].unique()))


def machine_of(frame: "pd.DataFrame") -> str:
    """The machine that measured, which may not be the one that draws; joined timelines may have several."""
    if "machine" in frame:
        return " and ".join(dict.fromkeys(frame["machine"]))
    return str(frame.attrs.get("machine", ""))
