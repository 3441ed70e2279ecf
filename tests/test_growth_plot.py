"""The figure of what an open connection costs: its line is the one of least squares, drawn as far as was measured."""

import pandas as pd
import pytest

import iomux
from iomux.growth_plot import straight_line


def frame(levels: dict[int, list[float]], server: str = "poll") -> "pd.DataFrame":
    rows = [(server, count, us, 2 * us) for count, each in levels.items() for us in each]
    return pd.DataFrame(rows, columns=["server", "connections", "p50_us", "cpu_us_per_request"])


def test_points_on_a_line_give_that_line() -> None:
    line = straight_line(frame({0: [10], 10: [15], 100: [60]}), "p50_us")
    assert line == pytest.approx((10, 0.5, 1))
    assert line.at(1000) == pytest.approx(510)


def test_a_level_counts_with_its_median() -> None:
    assert straight_line(frame({0: [10, 9, 999], 1: [11], 2: [12]}), "p50_us") == pytest.approx((10, 1, 1))


def test_what_lies_beyond_is_left_out_and_what_is_crooked_is_said() -> None:
    bent = frame({0: [0], 1: [1], 2: [2], 3: [90]})
    assert straight_line(bent, "p50_us", upto=2) == pytest.approx((0, 1, 1))
    assert straight_line(bent, "p50_us").r_squared < 0.7


def test_two_levels_are_too_few() -> None:
    with pytest.raises(ValueError, match="2 levels were measured"):
        straight_line(frame({1: [1], 2: [2], 3: [float("nan")]}))


def test_the_line_is_solid_as_far_as_fitted_and_dotted_beyond() -> None:
    ax = iomux.plot.growth(frame({0: [10], 50: [35], 100: [60], 200: [300]}), upto=100)
    drawn = {(tuple(line.get_xdata()), line.get_linestyle()) for line in ax.lines}  # type: ignore[arg-type]
    assert ((0, 100), "-") in drawn
    assert ((100, 200), ":") in drawn
    legend = ax.get_legend()
    assert legend is not None
    said = [text.get_text() for text in legend.get_texts()]
    assert said == [
        "poll, median latency: 10 µs + 0.50 µs a connection",
        "poll, server CPU a request: 20 µs + 1.00 µs a connection",
    ]


def test_a_server_measured_at_two_levels_has_points_and_no_line() -> None:
    both = pd.concat([frame({0: [1], 1: [2], 2: [3]}), frame({0: [1], 1: [2]}, "select")])
    ax = iomux.plot.growth(both, columns=["p50_us"])
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "poll, median latency: 1 µs + 1.00 µs a connection",
        "select, median latency",
    ]
