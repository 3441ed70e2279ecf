"""What every figure is drawn on: its size, its background, and the sizes of its letters.

The background is opaque, because a figure is also shown on dark pages, and not quite white, because there white
glares. The letters are legible where a page scales a figure to two thirds, as a narrow one does.
"""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

BACKGROUND, GREY = "#f7f6f2", "#5c5c5c"
"""Of the figure and its axes, and the colour of notes: 6 times as dark as the background."""
TITLE, LABEL, TICK, NOTE = 13, 11, 10, 8.5
"""The sizes of letters, in points: titles and names, axis labels, numbers on an axis, and the note below."""
SIZE_INCHES, DOTS_PER_INCH = (8.0, 5.0), 110
"""The size of a figure, fixed: nbval compares the text `<Figure size 880x550 ...>`."""
_PAIR_INCHES = (10.0, 5.0)


def new_axes(ax: Axes | None, height_inches: float = SIZE_INCHES[1]) -> Axes:
    """The axes given, or new ones of the course's size, which may be lower."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=(SIZE_INCHES[0], height_inches), dpi=DOTS_PER_INCH, layout="constrained")[1]


def pair() -> tuple[Axes, Axes]:
    """Two new axes side by side, to compare two figures: give one to each of their functions.

    Example:
    >>> len(iomux.plot.pair())
    2
    """
    left, right = plt.subplots(1, 2, figsize=_PAIR_INCHES, dpi=DOTS_PER_INCH, layout="constrained")[1]
    return left, right


def without_window() -> None:
    """Draw in memory only, for a program that writes figures to files and may have no screen."""
    plt.switch_backend("agg")


def plain(ax: Axes, title: str) -> Axes:
    """Give the axes the course's plain frame: background, a title at the left, a light grid, two spines."""
    ax.set_title(title, loc="left", fontweight="bold", fontsize=TITLE)
    ax.grid(True, which="major", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_facecolor(BACKGROUND)
    ax.get_figure(root=True).set_facecolor(BACKGROUND)  # type: ignore[union-attr]
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_size(LABEL)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax
