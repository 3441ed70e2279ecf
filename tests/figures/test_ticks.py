"""The figure of a loop's ticks: it marks the longest gap at the right place."""

import numpy as np
import pytest

import iomux
from iomux.figures.ticks import longest_gap


def test_the_longest_gap_is_found() -> None:
    assert longest_gap([1, 2, 5, 6]) == 3


def test_each_run_has_its_ticks_and_its_longest_gap_where_it_was() -> None:
    ax = iomux.plot.ticks({"stalled": [5.0, 5.01, 5.31, 5.32], "even": [7.0, 7.01, 7.02]})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["stalled", "even"]
    assert [len(line.get_xdata()) for line in ax.lines] == [4, 3]  # type: ignore[arg-type]
    gap = ax.patches[0]
    assert gap.get_x() == pytest.approx(10)  # type: ignore[attr-defined]
    assert gap.get_width() == pytest.approx(300)  # type: ignore[attr-defined]
    assert any(text.get_text() == "longest gap 300 ms" for text in ax.texts)


def test_what_happened_is_marked_where_it_was() -> None:
    ax = iomux.plot.ticks({"even": [7.0, 7.01, 7.02]}, marks={"click": 15})
    assert np.array_equal(ax.lines[-1].get_xdata(), [15, 15])
    assert "click" in {text.get_text() for text in ax.texts}


def test_one_tick_has_no_gap() -> None:
    with pytest.raises(ValueError, match="stalled has 1 ticks"):
        iomux.plot.ticks({"stalled": [1.0]})
