"""Times against round trips, and a quantity over time: every row is there, and what did not happen is said."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Annotation

import iomux

TIMES = pd.DataFrame({"what": ["new", "kept", "never", "new", "kept"], "ms": [81.0, 40.0, math.nan, 83.0, 42.0]})


def words(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_a_row_for_each_step_with_its_median_and_each_time() -> None:
    ax = iomux.plot.stopwatch(TIMES, title="One request", round_trip=40, never="it never came")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["new", "kept", "never"]
    assert {"82", "41", "it never came"} <= set(words(ax))
    dots = [list(np.asarray(line.get_xdata())) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [[81.0, 83.0], [40.0, 42.0]]
    assert iomux.plot.caption(ax).startswith("dot: one time; upright bar: the median of them; dotted: round trips; ")


def test_round_trips_are_counted_and_only_the_first_if_they_are_many() -> None:
    few = iomux.plot.stopwatch(TIMES, round_trip=40)
    assert {"1 round trip", "2"} <= set(words(few))
    many = iomux.plot.stopwatch(TIMES, round_trip=2)
    assert "1 round trip" in words(many)
    assert "2" not in words(many)


@pytest.mark.parametrize(("column", "label"), [("ms", "milliseconds"), ("s", "seconds")])
def test_the_axis_has_the_unit_of_the_column(column: str, label: str) -> None:
    ax = iomux.plot.stopwatch(TIMES.rename(columns={"ms": column}), column)
    assert ax.get_xlabel() == label


def test_a_recorded_table_is_said_to_be_one() -> None:
    frame = TIMES.copy()
    frame.attrs["machine"] = "RECORDED on another machine"
    assert iomux.plot.caption(iomux.plot.stopwatch(frame)).endswith("RECORDED on another machine")
    frame["window"] = 10
    assert iomux.plot.caption(iomux.plot.over_time(frame, "window", "packets")) == "RECORDED on another machine"


def test_a_line_for_each_run_with_its_name_at_the_end_and_each_doubling_labelled() -> None:
    rows = [("first", 0, 10), ("first", 40, 20), ("first", 80, 40), ("second", 0, 40), ("second", 40, 80)]
    frame = pd.DataFrame(rows, columns=["what", "ms", "window"])
    ax = iomux.plot.over_time(frame, "window", "window, packets", doubling=True, steps=True)
    assert {"first", "second"} <= set(words(ax))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["10", "20", "40", "80"]
    assert ax.get_ylabel() == "window, packets (log scale)"
    assert {line.get_drawstyle() for line in ax.lines} == {"steps-post"}


def test_a_line_has_a_gap_where_nothing_came_and_ends_at_the_last_that_did() -> None:
    frame = pd.DataFrame({"what": "UDP", "message": [0, 1, 2, 3], "ms": [20.0, math.nan, 20.0, math.nan]})
    ax = iomux.plot.over_time(frame, "ms", "ms", "message")
    assert np.isnan(np.asarray(ax.lines[0].get_ydata(), dtype=float)).tolist() == [False, True, False, True]
    assert [text.xy[0] for text in ax.texts if isinstance(text, Annotation) and text.get_text() == "UDP"] == [2.0]


@pytest.mark.parametrize("draw", [iomux.plot.stopwatch, partial(iomux.plot.over_time, column="ms", words="ms")])
def test_the_setting_stands_below(draw: Callable[..., Axes]) -> None:
    assert "20 ms each way; reno; " in iomux.plot.caption(draw(TIMES.dropna(), setting="20 ms each way; reno"))
