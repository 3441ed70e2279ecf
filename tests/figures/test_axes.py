"""Numbers along a logarithmic axis are readable, and no line's name is on another line."""

from itertools import pairwise

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes

from iomux.figures.look.style import log_ticks, name_ends, new_axes


@pytest.fixture
def ax() -> Axes:
    return new_axes(None)


@pytest.mark.parametrize(("low", "high"), [(8, 18), (93, 190), (102, 131), (150, 15_000), (1, 10), (0.2, 400_000)])
def test_an_axis_has_at_least_three_numbers_and_none_overlap(ax: Axes, low: float, high: float) -> None:
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    log_ticks(ax.yaxis)
    ax.figure.canvas.draw()
    ticks = [tick for tick in ax.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [tick.label1.get_window_extent() for tick in ticks]
    assert len(boxes) >= 3
    assert len({tick.label1.get_text() for tick in ticks}) == len(ticks)
    assert all(below.y1 <= above.y0 for below, above in pairwise(boxes))
    plt.close("all")


def test_a_name_moves_away_from_another_line(ax: Axes) -> None:
    short, long = ([1, 2], [2, 3]), ([1, 2, 4], [1, 2.8, 9])
    for x, y in (short, long):
        ax.plot(x, y)
    written = name_ends(ax, [(2, 3, "short", "red"), (4, 9, "long", "blue")])
    assert written["long"].get_horizontalalignment() == "left", "nothing is beside it"
    assert written["short"].get_horizontalalignment() == "right"
    box = written["short"].get_window_extent()
    assert not any(
        line.get_transform().transform_path(line.get_path()).intersects_bbox(box, False) for line in ax.lines
    )
    plt.close("all")


def test_a_name_that_no_line_crosses_stays_at_its_lines_end(ax: Axes) -> None:
    ax.plot([1, 2], [2, 3])
    ax.plot([1, 4], [8, 9])
    written = name_ends(ax, [(2, 3, "short", "red"), (4, 9, "long", "blue")])
    assert written["short"].get_horizontalalignment() == "left"
    plt.close("all")
