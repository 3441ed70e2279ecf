"""No line over a gap, each of a few rounds drawn, and a note that says what the bar is: made from the data."""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection

import iomux
from iomux.figures.look.lines import broken, gaps
from iomux.figures.look.mechanisms import STYLES, in_order
from iomux.figures.look.paper import BACKGROUND
from iomux.figures.look.spread import spread
from tests.support.figures import texts_outside

COSTS = {"select": 0.3, "poll": 0.2, "epoll": 0.0}


def sweep(servers: list[str], levels: list[int], rounds: int) -> pd.DataFrame:
    """A frame as `iomux.sweep` makes it: 60 µs and a part for each connection, a µs more in each later round."""
    rows = [
        {"server": server, "connections": level, "active": 1, "size_bytes": 64, "repeat": number, "requests": 50}
        | {"p50_us": 60 + COSTS.get(server, 0.1) * level + number, "reason": ""}
        for number in range(rounds)
        for level in levels
        for server in servers
    ]
    frame = pd.DataFrame(rows)
    frame.attrs.update(machine="a machine", active=1)
    return frame


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def joined(ax: Axes, name: str) -> list[tuple[float, float]]:
    """The pairs of neighbouring levels between which the line of a server is drawn."""
    line = next(line for line in ax.lines if line.get_label() == name)
    x, y = (np.asarray(data, dtype=float) for data in (line.get_xdata(), line.get_ydata()))
    assert np.isnan(x).tolist() == np.isnan(y).tolist()
    return [(float(a), float(b)) for a, b in itertools.pairwise(x) if not np.isnan([a, b]).any()]


def drawn(ax: Axes, kind: type) -> list[object]:
    return [collection for collection in ax.collections if isinstance(collection, kind)]


def test_a_decade_is_joined_and_more_is_not() -> None:
    assert gaps([1, 10, 100, 1_000]) == []
    assert gaps([1, 10, 101, 1_000]) == [2]
    assert gaps([1, 1_000, 10_000]) == [1]
    assert gaps([7]) == []
    assert np.isnan(broken([5.0, 6.0, 7.0], [1, 1_000, 10_000])).tolist() == [False, True, False, False]


def test_a_sparse_sweep_marks_its_points_and_does_not_join_them() -> None:
    ax = iomux.plot.latency(sweep(["poll"], [1, 1_000, 10_000], 3))
    assert joined(ax, "poll") == [(1_000, 10_000)]
    line = next(line for line in ax.lines if line.get_label() == "poll")
    assert line.get_marker() == "v", "each level has its mark"
    assert "not joined: levels more than a decade apart" in iomux.plot.caption(ax)


def test_a_dense_sweep_is_joined_from_end_to_end() -> None:
    levels = [1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000]
    ax = iomux.plot.latency(sweep(["poll"], levels, 3))
    assert joined(ax, "poll") == list(itertools.pairwise(levels))
    assert "not joined" not in iomux.plot.caption(ax)


def test_a_server_that_stops_early_is_not_joined_over_what_it_lacks() -> None:
    frame = sweep(["select", "poll"], [1, 10, 100, 1_000], 3)
    frame.loc[(frame["server"] == "select") & frame["connections"].isin([10, 100]), "p50_us"] = float("nan")
    ax = iomux.plot.latency(frame)
    assert joined(ax, "select") == []
    assert len(joined(ax, "poll")) == 3


@pytest.mark.parametrize("rounds", [2, 5, 9])
def test_each_of_a_few_rounds_is_drawn(rounds: int) -> None:
    frame = sweep(["poll"], [1, 10], rounds)
    ax = iomux.plot.latency(frame)
    (dots,) = drawn(ax, PathCollection)
    assert isinstance(dots, PathCollection)
    shown = {tuple(float(part) for part in point) for point in np.asarray(dots.get_offsets())}
    assert shown == set(zip(frame["connections"].astype(float), frame["p50_us"], strict=True))
    assert "dots: single rounds" in iomux.plot.caption(ax)


@pytest.mark.parametrize("rounds", [1, 10])
def test_one_round_is_its_own_mark_and_many_are_not_drawn_singly(rounds: int) -> None:
    ax = iomux.plot.latency(sweep(["poll"], [1, 10], rounds))
    assert all(len(np.asarray(dots.get_offsets())) == 0 for dots in drawn(ax, PathCollection))  # type: ignore[attr-defined]
    assert "dots" not in iomux.plot.caption(ax)


def test_the_bar_is_the_interval_that_the_note_says() -> None:
    few, enough = (iomux.plot.latency(sweep(["epoll"], [1, 10], rounds)) for rounds in (5, 9))
    assert "median of 5 rounds; bar: least to greatest;" in iomux.plot.caption(few)
    assert "median of 9 rounds; bar: the median's 95 % interval (order statistics);" in iomux.plot.caption(enough)
    for ax, ends in ((few, (60.0, 64.0)), (enough, (61.0, 67.0))):
        (bars,) = drawn(ax, LineCollection)
        assert isinstance(bars, LineCollection)
        assert {tuple(path[:, 1]) for path in bars.get_segments()} == {ends}


def test_the_interval_of_six_rounds_is_their_range_and_of_more_a_part_of_it() -> None:
    assert spread(pd.Series([3.0, 1.0, 2.0])) == (2, 1, 3)
    assert spread(pd.Series(np.arange(6.0))) == (2.5, 0, 5)
    assert spread(pd.Series(np.arange(9.0))) == (4, 1, 7)
    assert spread(pd.Series(np.arange(25.0))) == (12, 7, 17)  # the 8th and the 18th, as in Le Boudec's table
    assert spread(pd.Series([4.0])) == (4, 4, 4)


def test_the_interval_contains_the_median_as_often_as_it_says() -> None:
    rounds = np.random.default_rng(1).lognormal(size=(2_000, 9))  # its true median is 1
    found = [spread(pd.Series(row)) for row in rounds]
    assert 0.94 < np.mean([low <= 1 <= high for _, low, high in found]) < 0.98


def test_levels_with_different_numbers_of_rounds_are_not_called_the_same() -> None:
    frame = sweep(["poll"], [1, 10], 7)
    frame = frame[(frame["connections"] == 1) | (frame["repeat"] < 4)]
    words = iomux.plot.caption(iomux.plot.latency(frame))
    assert "median of 4 to 7 rounds" in words
    assert "least to greatest below 6 rounds" in words
    assert "at least 50 requests in each round" in words


def test_a_sweep_with_doubts_says_so_below_its_figure() -> None:
    frame = sweep(["poll", "epoll"], [1, 10], 3)
    assert "doubt" not in iomux.plot.caption(iomux.plot.latency(frame))
    frame["doubts"] = ["the generator was late; its core was full"] * 2 + ["its core was full"] + [""] * 9
    assert "in doubt: 3 of 12 rounds (its core was full)" in iomux.plot.caption(iomux.plot.latency(frame))
    assert "doubt" not in iomux.plot.caption(iomux.plot.latency(frame.assign(doubts="")))


def test_names_stand_in_the_course_s_order_whatever_the_sweep_s() -> None:
    assert in_order(["mine", "epoll", "select", "epoll", "other"]) == ["select", "epoll", "mine", "other"]
    assert list(STYLES) == iomux.servers.names()
    ax = iomux.plot.latency(sweep(["epoll", "mine", "poll", "select"], [1, 10], 2))
    assert [line.get_label() for line in ax.lines if not str(line.get_label()).startswith("_")] == [
        *("select", "poll", "epoll", "mine")
    ]


def test_every_figure_has_the_same_opaque_background_and_its_note_is_not_cut() -> None:
    frame = sweep(["poll", "epoll"], [1, 10, 100, 1_000], 3)
    left, right = iomux.plot.pair()
    for ax in (iomux.plot.latency(frame), iomux.plot.growth(frame, left, ["p50_us"]), iomux.plot.latency(frame, right)):
        figure = ax.get_figure(root=True)
        assert figure is not None
        assert plt.matplotlib.colors.to_hex(ax.get_facecolor()) == BACKGROUND  # type: ignore[attr-defined]
        assert plt.matplotlib.colors.to_hex(figure.get_facecolor()) == BACKGROUND  # type: ignore[attr-defined]
        assert not texts_outside(ax)


def test_the_caption_is_the_note_as_one_line() -> None:
    words = iomux.plot.caption(iomux.plot.latency(sweep(["poll"], [1, 10], 3)))
    assert re.fullmatch(r"mark: median of 3 rounds; .*64 bytes per request; .*; a machine", words)
    assert iomux.plot.caption(plt.subplots()[1]) == ""
