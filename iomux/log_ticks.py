"""Numbers along a logarithmic axis: plain ones (100, 1,000), and as many of a decade's as have room."""

from math import log10

from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator, NullFormatter

_STEPS = (tuple(range(1, 10)), (1, 2, 3, 5), (1, 2, 5))
"""The numbers of a decade that are named, the most first."""
_ROOM_POINTS = {"x": 48.0, "y": 20.0}  # between two numbers: upright they need their height, across their width
_FEWEST = 3


def log_ticks(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis: 1 to 9 of each decade, or 1, 2, 3, 5, or 1, 2, 5, or 1: what has room.

    Where the axis spans so little that hardly one of them is on it, evenly spaced ones.
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
    """The least distance of two neighbours, in decades."""
    return min(log10(after / before) for before, after in zip(steps, [*steps[1:], 10], strict=True))
