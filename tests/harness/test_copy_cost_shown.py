"""How the cost of the copy is shown: ticks, names of sizes, text and figure."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.figures.copying.copy_cost import name_lines
from iomux.figures.look.style import new_axes
from iomux.harness.copying.copy_result import CopyCost
from iomux.system.features import available
from iomux.system.units import size_name
from tests.harness.test_copy_cost import MIB, SIZES
from tests.harness.test_copy_cost import cost as cost
from tests.harness.test_copy_cost_share import LINE, NO_COPY
from tests.support.figures import texts_outside


def test_all_ticks_of_the_figure_differ() -> None:
    frame = LINE.frame.iloc[:1]
    frame = pd.concat([frame.assign(size_bytes=size) for size in range(4096, 4100)])
    ax = iomux.plot.copy_cost(CopyCost(frame, "a machine", {}))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4 KiB"]
    plt.close("all")


@pytest.mark.parametrize(
    ("size", "name"),
    [
        (64, "64 B"),
        (1000, "1000 B"),
        (1536, "1.5 KiB"),
        (12 * 1024 + 5, "12 KiB"),
        (102_300, "100 KiB"),
        (MIB, "1 MiB"),
    ],
)
def test_sizes_are_written_with_units(size: int, name: str) -> None:
    assert size_name(size) == name


def test_a_result_displays_itself_as_text_and_html(cost: CopyCost) -> None:
    assert repr(cost) == str(cost)
    assert cost.machine in str(cost)
    assert all(size_name(size) in str(cost) for size in (SIZES[0], SIZES[-1])) == available("msg_trunc")
    assert "<table" in cost._repr_html_()
    assert cost.machine in cost._repr_html_()


@pytest.mark.parametrize("side", ["receive", "send"])
def test_the_figure_is_whole_and_labelled(cost: CopyCost, side: Any) -> None:
    ax = iomux.plot.copy_cost(cost, side=side)
    measured = cost.frame[cost.frame["side"].isin([side, "memory"]) & (cost.frame["reason"] == "")]
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_ylabel() == "time of a call, µs (log scale)"
    assert set(measured["how"]) <= {text.get_text() for text in ax.texts}, "lines are named where they end"
    assert len(ax.collections) == measured["how"].nunique(), "a band for each way"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["64 B", "4 KiB", "16 KiB", "64 KiB"]
    for how, of_it in measured.groupby("how"):
        line = next(line for line in ax.lines if line.get_label() == how)
        assert np.allclose(np.asarray(line.get_ydata(), dtype=float), of_it["median_us"])
    looks = [(line.get_color(), line.get_marker()) for line in ax.lines if line.get_label() in set(measured["how"])]
    assert len({color for color, _ in looks}) == len({marker for _, marker in looks}) == len(looks)
    assert cost.machine in iomux.plot.caption(ax)
    assert not texts_outside(ax)
    plt.close("all")


def test_the_crossing_is_drawn() -> None:
    ax = iomux.plot.copy_cost(LINE)
    words = f"from {size_name(LINE.crossover_bytes)} on\nthe copy outweighs the call"
    assert any(text.get_text() == words for text in ax.texts)
    assert any(np.allclose(np.asarray(line.get_xdata(), dtype=float), LINE.crossover_bytes) for line in ax.lines)
    assert not any("outweighs" in text.get_text() for text in iomux.plot.copy_cost(NO_COPY).texts)
    plt.close("all")


def test_lines_that_end_in_one_place_are_named_in_one_row() -> None:
    ends = [(4.0, 100.0, "one", "#111111"), (4.0, 101.0, "two", "#222222"), (4.0, 20.0, "three", "#333333")]
    ax = new_axes(None)
    for x, y, name, color in ends:
        ax.plot([1, x], [1, y], color=color, label=name)
    ax.set_yscale("log")
    name_lines(ax, ends)
    ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
    one, two, three = (next(t for t in ax.texts if t.get_text() == name).get_window_extent() for _, _, name, _ in ends)
    assert abs((one.y0 + one.y1) / 2 - (two.y0 + two.y1) / 2) < 1
    assert two.x0 > one.x1
    assert three.y1 < one.y0
    plt.close("all")


def test_the_figure_draws_into_given_axes_and_knows_two_sides(cost: CopyCost) -> None:
    _, given = plt.subplots()
    assert iomux.plot.copy_cost(cost, ax=given) is given
    up: Any = "up"
    with pytest.raises(ValueError, match="side is 'up': choose from receive, send"):
        iomux.plot.copy_cost(cost, side=up)
    plt.close("all")
