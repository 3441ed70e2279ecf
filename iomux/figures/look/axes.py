"""Names at the ends of lines, without overlaps, and readable numbers on a logarithmic axis."""

from math import log10
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter

from iomux.figures.look.paper import BACKGROUND, LABEL

End = tuple[float, float, str, str]
"""Where a line ends (x, y), its name and its colour."""
_LINE_POINTS = 13  # the vertical space that a name needs
_NAME_POINTS = 66
_CLEAR_PIXELS = 7
_LEADER: Any = {"arrowstyle": "-", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3, "relpos": (0, 0.5)}
_LEFT_OF_END = ((-4, 8, "bottom"), (-4, -8, "top"))  # above or below the end, if another line continues to its right


def name_ends(ax: Axes, ends: list[End]) -> dict[str, Annotation]:
    """Write each line's name at its end, from the highest down; a name that would overlap another is moved down.

    Where another line passes through that place, the name is written above or below the end of its own line. A name
    that is far from its end gets a thin line to it. Returns the annotations, by name.
    """
    ax.autoscale_view()
    points_per_pixel = 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    placed: list[tuple[float, float]] = []
    written: dict[str, Annotation] = {}
    for x, y, name, color in sorted(ends, key=lambda end: -end[1]):
        across, up = ax.transData.transform((x, y)) * points_per_pixel
        free = min([other - _LINE_POINTS for column, other in placed if abs(column - across) < _NAME_POINTS] + [up])
        written[name] = _write(ax, (x, y), name, color, free - up)
        if not _step_aside(ax, written[name]):
            placed.append((across, free))
    return written


def _write(ax: Axes, at: tuple[float, float], name: str, color: str, up: float) -> Annotation:
    far = up < -_LINE_POINTS / 2
    return ax.annotate(
        name,
        at,
        (16 if far else 8, up),
        textcoords="offset points",
        arrowprops=_LEADER | {"color": color} if far else None,
        color=color,
        va="center",
        fontsize=LABEL,
        fontweight="bold",
        annotation_clip=False,
        path_effects=outline(),
    )


def outline() -> list[AbstractPathEffect]:
    """What makes a name legible on top of a line."""
    return [withStroke(linewidth=3, foreground=BACKGROUND)]


def _step_aside(ax: Axes, name: Annotation) -> bool:
    """Move a name that a line crosses to the left of its line's end, if no line crosses it there; say if it moved."""
    if not _crossed(ax, name):
        return False
    beside = name.xyann
    name.set(ha="right")
    for across, up, side in _LEFT_OF_END:
        name.xyann = (across, up)
        name.set(va=side)
        if not _crossed(ax, name):
            return True
    name.xyann = beside
    name.set(ha="left", va="center")
    return False


def _crossed(ax: Axes, name: Annotation) -> bool:
    box = name.get_window_extent().padded(_CLEAR_PIXELS)
    paths = [line.get_transform().transform_path(line.get_path()) for line in ax.lines]
    return any(path.intersects_bbox(box, filled=False) for path in paths)


_STEPS = (tuple(range(1, 10)), (1, 2, 3, 5), (1, 2, 5))
"""Which numbers of a decade get a label: the longest list that has room is used."""
_ROOM_POINTS = {"x": 48.0, "y": 20.0}  # between two labels: their width along x, their height along y
_FEWEST = 3


def log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers: 1 to 9 of each decade, or 1, 2, 3, 5, or 1, 2, 5, or 1, as fits.

    An axis that spans too little for three of them gets evenly spaced numbers.
    """
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(_locator(axis, low, high))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 100 else f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _locator(axis: Axis, low: float, high: float) -> Locator:
    if not 0 < low < high:
        return LogLocator(numticks=20)
    locator = LogLocator(subs=_steps(axis, log10(high / low)), numticks=20)
    seen = [value for value in locator.tick_values(low, high) if low <= value <= high]
    return locator if len(seen) >= _FEWEST or high / low > 10 else MaxNLocator(6, steps=[1, 2, 5, 10])


def _steps(axis: Axis, decades: float) -> tuple[float, ...]:
    across, box = isinstance(axis, XAxis), axis.axes.get_window_extent()
    points = (box.width if across else box.height) * 72 / axis.get_figure(root=True).dpi  # type: ignore[union-attr]
    room = _ROOM_POINTS["x" if across else "y"]
    return next((steps for steps in _STEPS if points / decades * _narrowest(steps) >= room), (1.0,))


def _narrowest(steps: tuple[float, ...]) -> float:
    """The smallest distance between two neighbours, in decades."""
    return min(log10(after / before) for before, after in zip(steps, [*steps[1:], 10], strict=True))
