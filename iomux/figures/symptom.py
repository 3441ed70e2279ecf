"""The figure of the clinic: a server with a bug and the fixed one, over time.

Neither is a mechanism, so neither has the colour of one: they are drawn as a user's own servers are in every figure.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from iomux.figures.look.notes import note, under
from iomux.figures.look.style import name_ends, new_axes, plain, style
from iomux.system.machine import describe

if TYPE_CHECKING:
    import pandas as pd

_DASHES = ("-", "--", "-.", ":")  # not the style's: the gaps of a long dash would hide the steps of lost bytes
_MARKERS = 12  # on one line, at most
_STEPS = {
    "cpu_percent": ("steps-pre", "each step: the mean since the reading before it"),
    "memory_mib": ("steps-post", "each step: a reading, until the next one"),
    "waiting": ("steps-post", "each step: a reading, until the next one"),
}
"""Of a meter's readings, what lies between two of them, and the words for it."""
_UNITS = {
    "cpu_percent": "server CPU, % of a core",
    "memory_mib": "server memory above the first reading, MiB",
    "waiting": "clients with unread bytes in the kernel",
    "t_s": "seconds",
    "back_mib": "bytes received back so far, MiB",
    "missing_kib": "bytes lost before those received, KiB",
}


def symptom(
    runs: "Mapping[str, pd.DataFrame]",
    column: str,
    ax: Axes | None = None,
    title: str = "A symptom",
    across: str = "t_s",
    setting: str = "",
) -> Axes:
    """One line for each run, its name at the end; a dotted line marks when the clients begin to act.

    runs: by label, from `iomux.course.clinic.symptoms`. column: `cpu_percent`, `memory_mib`, `waiting`,
    `back_mib` or `missing_kib`. across: the column of the horizontal axis. setting: what the clients did, for the note.

    Example:
    >>> from iomux.course.clinic.symptoms import watch
    >>> ax = iomux.plot.symptom({"idle": watch("poll", lambda address: None, seconds=0.3)}, "cpu_percent")
    >>> ax.get_ylabel()
    'server CPU, % of a core'
    """
    ax = new_axes(ax)
    ends, (between, words) = [], _STEPS.get(column, ("default", ""))
    for (label, frame), dash in zip(runs.items(), _DASHES, strict=False):
        look, every = style(label, list(runs)), len(frame) // _MARKERS + 1
        drawn: Any = {"color": look.color, "linestyle": dash, "marker": look.marker, "markevery": every}
        ax.plot(frame[across], frame[column], linewidth=2, clip_on=False, drawstyle=between, **drawn)
        ends.append((float(frame[across].iloc[-1]), float(frame[column].iloc[-1]), label, look.color))
    first = next(iter(runs.values()))
    if visit := first.attrs.get("visit_s"):
        ax.axvline(visit, color="#999999", linewidth=1, linestyle=":")
        at: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "color": "#666666"}
        ax.annotate("the clients act", (visit, 0.97), (-4, 0), va="top", ha="right", **at)
    if all(frame[column].isna().all() for frame in runs.values()):
        ax.text(0.5, 0.5, "not measurable on this system", transform=ax.transAxes, ha="center", color="#666666")
    ax.set_ylim(0, max(1.0, ax.get_ylim()[1]) * 1.08)
    ax.set_xlim(left=0)
    ax.margins(x=0.15)
    ax.set_xlabel(_UNITS[across])
    ax.set_ylabel(_UNITS[column])
    name_ends(ax, ends)
    return under(plain(ax, title), note(words, setting, describe()))
