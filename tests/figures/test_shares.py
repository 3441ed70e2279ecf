"""The figure of shares: a bar for each case, the parts one after another, and nothing cut off."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import iomux
from tests.support.figures import texts_outside


def frame() -> pd.DataFrame:
    rows = [("by hash", "worker 1", 48), ("by hash", "worker 2", 52), ("the same one", "worker 1", 100)]
    return pd.DataFrame(rows, columns=["bar", "part", "value"])


def test_the_parts_of_a_bar_follow_one_another() -> None:
    ax = iomux.plot.shares(frame(), "Who gets 100 clients", "clients")
    drawn = [
        (patch.get_x(), patch.get_width()) for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_width()
    ]
    assert drawn == [(0, 48), (0, 100), (48, 52)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["by hash", "the same one"]
    assert {"48", "52", "100"} <= {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)
    plt.close("all")


def test_how_it_was_measured_stands_below() -> None:
    ax = iomux.plot.shares(frame(), "Who gets 100 clients", "clients", setting="two workers under poll")
    assert iomux.plot.caption(ax).startswith("two workers under poll; ")
    plt.close("all")


@pytest.mark.parametrize("parts", [2, 5, 9])
def test_the_names_of_many_parts_leave_the_title_free(parts: int) -> None:
    many = pd.DataFrame([("one", f"cache_number_{part}", part + 1) for part in range(parts)], columns=frame().columns)
    ax = iomux.plot.shares(many, "Who pays for a connection", "bytes")
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    legend = ax.get_legend()
    assert legend is not None
    title = next(text for text in figure.findobj(Text) if text.get_text() == "Who pays for a connection")
    assert not legend.get_window_extent().overlaps(title.get_window_extent())
    plt.close("all")
