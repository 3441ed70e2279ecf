"""The figure of the cost of an open connection: a least-squares line, drawn as far as was measured."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import iomux
from iomux.figures.line_fit import straight_line


def frame(levels: dict[int, list[float]], server: str = "poll") -> "pd.DataFrame":
    rows = [(server, count, us, 2 * us) for count, each in levels.items() for us in each]
    return pd.DataFrame(rows, columns=["server", "connections", "p50_us", "cpu_us_per_request"])


def test_points_on_a_line_give_that_line() -> None:
    line = straight_line(frame({0: [10], 10: [15], 100: [60]}), "p50_us")
    assert line == pytest.approx((10, 0.5, 1))
    assert line.at(1000) == pytest.approx(510)


def test_the_median_of_each_level_is_fitted() -> None:
    assert straight_line(frame({0: [10, 9, 999], 1: [11], 2: [12]}), "p50_us") == pytest.approx((10, 1, 1))


def test_levels_beyond_are_left_out_and_r_squared_shows_a_bend() -> None:
    bent = frame({0: [0], 1: [1], 2: [2], 3: [90]})
    assert straight_line(bent, "p50_us", upto=2) == pytest.approx((0, 1, 1))
    assert straight_line(bent, "p50_us").r_squared < 0.7


def test_a_relative_fit_passes_where_the_marks_of_few_connections_are() -> None:
    bent = frame({1: [100], 100: [105], 300: [150], 1000: [600]})
    assert straight_line(bent, "p50_us").at(1) < 60
    assert straight_line(bent, "p50_us", relative=True).at(1) == pytest.approx(90, abs=20)
    exact = frame({1: [12], 10: [30], 1000: [2010]})
    assert straight_line(exact, "p50_us", relative=True) == pytest.approx((10, 2, 1))


def test_two_levels_are_too_few() -> None:
    with pytest.raises(ValueError, match="2 levels were measured"):
        straight_line(frame({1: [1], 2: [2], 3: [float("nan")]}))


def test_the_line_is_solid_as_far_as_fitted_and_dotted_beyond() -> None:
    ax = iomux.plot.growth(frame({0: [10], 50: [35], 100: [60], 200: [300]}), upto=100)
    drawn = [(np.asarray(line.get_xdata(), dtype=float), line.get_linestyle()) for line in ax.lines]
    ends = {(float(x[0]), float(x[-1]), dash) for x, dash in drawn if len(x)}
    assert {(0, 100, "-"), (100, 200, ":")} <= ends
    assert legend_texts(ax) == [
        "poll, median latency: 10 µs + 0.50 ± 0.00 µs a connection",
        "poll, median latency: line of the first 100, continued",
        "poll, server CPU per request: 20 µs + 1.00 ± 0.00 µs a connection",
        "poll, server CPU per request: line of the first 100, continued",
    ]


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_a_slope_within_its_error_is_called_level_and_so_is_a_negative_price() -> None:
    steady = frame({1: [99, 101], 100: [100, 103], 1000: [98, 101]})
    for levels in (steady, frame({1: [30], 100: [20], 1000: [10]})):
        (words,) = legend_texts(iomux.plot.growth(levels, columns=["p50_us"], scale="log"))
        assert words.endswith("µs, level within its error")


def test_each_mark_stands_at_its_own_level() -> None:
    same = frame({1: [10, 12], 50: [35, 36], 100: [60, 66]}).assign(cpu_us_per_request=lambda rows: rows["p50_us"])
    marks = [line for line in iomux.plot.growth(same).lines if line.get_marker() == "v"]
    assert [list(map(float, np.asarray(mark.get_xdata()))) for mark in marks] == [[1, 50, 100]] * 2


@pytest.mark.parametrize(
    ("rate", "arrivals", "said"),
    [(1_000, "even", "1,000 requests a second, evenly spaced"), (float("nan"), None, "closed loop")],
)
def test_the_note_says_how_the_requests_came(rate: float, arrivals: str | None, said: str) -> None:
    rows = frame({1: [10, 12], 50: [35, 36]}).assign(rate_per_s=rate, arrivals=arrivals)
    assert said in iomux.plot.caption(iomux.plot.growth(rows))


def test_the_note_says_what_the_error_of_a_slope_is_where_one_is_drawn() -> None:
    sloping, two_levels = frame({0: [10], 50: [35], 100: [60]}), frame({0: [10], 50: [35]})
    said = "±: standard error of the fit in this one run"
    assert said in iomux.plot.caption(iomux.plot.growth(sloping))
    assert said not in iomux.plot.caption(iomux.plot.growth(two_levels))


def test_a_server_measured_at_two_levels_has_points_and_no_line() -> None:
    both = pd.concat([frame({0: [1], 1: [2], 2: [3]}), frame({0: [1], 1: [2]}, "select")])
    ax = iomux.plot.growth(both, columns=["p50_us"])
    assert legend_texts(ax) == ["select", "poll: 1 µs + 1.00 ± 0.00 µs a connection"], "in the course's order"
