"""Marks and names: which percentiles a distribution marks, what a run of the playground is called, what is left out."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import iomux
from iomux.figures.look.style import new_axes, wall
from iomux.lab.live import Setting


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    plt.close("all")


def marked(samples: int) -> list[float]:
    """The percentiles that are marked, as one in how many requests is slower."""
    ax = iomux.plot.distribution({"a run": 1000 * np.arange(1, samples + 1)})
    return [float(x) for x in np.asarray(ax.lines[1].get_xdata(), dtype=float)]


def test_a_percentile_is_marked_only_if_ten_requests_were_slower() -> None:
    assert marked(99) == [2]
    assert marked(100) == [2, 10]
    assert marked(999) == [2, 10]
    assert marked(10_000) == [2, 10, 100, 1_000]


def test_raw_samples_have_the_setting_that_is_given_below() -> None:
    samples = {"a run": 1000 * np.arange(1, 100)}
    assert iomux.plot.caption(iomux.plot.distribution(samples, setting="700 requests/s")).startswith("700 requests/s ")
    assert iomux.plot.caption(iomux.plot.distribution(samples)).startswith("Linux")


def test_the_limit_of_select_is_named_in_pairs_where_pairs_are_on_the_axis() -> None:
    met = pd.DataFrame({"server": ["select"], "reason": ["FD_SETSIZE is 1024"]})
    ax = new_axes(None)
    ax.set(xscale="log", xlim=(100, 200_000))
    wall(ax, met, each=2)
    assert ax.texts[0].get_text() == "select's limit:\n512 pairs reach\nFD_SETSIZE, 1,024"
    assert ax.texts[0].get_horizontalalignment() == "left", "on its other side is the edge"
    assert np.allclose(np.asarray(ax.lines[0].get_xdata(), dtype=float), 512)


def test_memory_has_a_bar_for_the_most_clients_and_a_dot_for_fewer() -> None:
    rows = [
        {"server": "poll", "connections": count, "rss_each_bytes": 1024.0 * each, "reason": ""}
        for count, each in ((100, 3), (1_000, 2), (4_000, 1))
    ]
    ax = iomux.plot.memory(pd.DataFrame(rows))
    assert [float(patch.get_width()) for patch in ax.patches if isinstance(patch, Rectangle)] == [1.0]
    assert np.asarray(ax.lines[0].get_xdata(), dtype=float).tolist() == [3.0, 2.0]
    assert "bar: 4,000 silent clients; dots: 100 and 1,000" in iomux.plot.caption(ax)


def test_a_sleep_of_none_is_not_joined_to_the_others() -> None:
    frame = pd.DataFrame({"pause_us": [0, 10, 100], "cpu_share": [1.0, 0.5, 0.1], "p50_us": [40.0, 50.0, 150.0]})
    ax = iomux.plot.pauses(frame, "p50_us")
    assert [len(np.asarray(line.get_xdata())) for line in ax.lines] == [1, 2]


@dataclass
class Pulse:
    """What the figure reads of a half second."""

    at_s: float
    requests: int = 10
    p50_us: float = 100.0
    p99_us: float = 200.0


@dataclass
class Tick:
    """A half second of a run."""

    pulse: Pulse
    cpu_share: float


@dataclass
class Run:
    """A run of the playground that was never started."""

    setting: Any
    ticks: list[Tick] = field(default_factory=lambda: [Tick(Pulse(0.5), 0.1), Tick(Pulse(1.0), 0.1)])
    untraceable: str = "it is not real"

    def tape(self) -> pd.DataFrame:
        return pd.DataFrame()


def test_the_names_of_runs_say_the_size_if_it_is_not_the_usual_one() -> None:
    ax = iomux.plot.playground([Run(Setting("poll", 0, 10)), Run(Setting("poll", 0, 10, size=1 << 20))])
    assert [text.get_text() for text in ax.texts] == ["poll, 0 + 10", "poll, 0 + 10, 1 MiB"]


def test_the_names_of_many_runs_stay_above_the_tape() -> None:
    ax = iomux.plot.playground([Run(Setting("poll", 0, active)) for active in range(1, 9)])
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    for axes in figure.axes[:2]:
        boxes = sorted((Text.get_window_extent(text) for text in axes.texts), key=lambda box: box.y0)
        assert len(boxes) == 8
        assert boxes[0].y1 > axes.get_window_extent().y0, "the lowest name is beside its axes"
        assert all(above.y0 >= below.y1 - 4 for below, above in itertools.pairwise(boxes))


def row_colours(costs: dict[str, float]) -> dict[str, Any]:
    ax = iomux.plot.work(pd.DataFrame({name: [cost] for name, cost in costs.items()}))
    return {tick.get_text(): tick.get_color() for tick in ax.get_yticklabels()}


def test_each_row_has_a_colour_of_its_own_whatever_its_rank() -> None:
    costs = {name: float(place + 1) for place, name in enumerate(["epoll", *"abcdefgh"])}
    colours = row_colours(costs)
    assert len(set(colours.values())) == len(costs)
    assert row_colours({name: 10 - cost for name, cost in costs.items()}) == colours


def runs_of(cost: dict[str, float], connections: tuple[int, ...] = (100,)) -> pd.DataFrame:
    """Two rounds of a sweep, the first of each server in doubt."""
    rows = [
        {"server": name, "connections": level, "active": level, "repeat": repeat, "cpu_us_per_request": us + repeat}
        | {"doubts": "" if repeat else "it was late", "reason": ""}
        for level in connections
        for name, us in cost.items()
        for repeat in range(2)
    ]
    return pd.DataFrame(rows)


def test_the_work_of_a_sweep_is_drawn_with_its_doubts() -> None:
    frame = runs_of({"epoll": 4.0, "poll": 3.0})
    frame.attrs.update(machine="a machine", doubtful=1)
    ax = iomux.plot.work(frame)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["poll", "epoll"]
    assert [text.get_text() for text in ax.texts][:2] == ["3.5 µs", "4.5 µs"]
    said = iomux.plot.caption(ax)
    assert "one round of 2" in said
    assert "in doubt: 2 of 4 runs (it was late); 1 disturbed run was dropped and repeated; a machine" in said


def test_a_server_that_no_round_could_load_has_no_row() -> None:
    frame = runs_of({"epoll": 4.0, "select": float("nan")}).assign(reason="select: FD_SETSIZE is 1024")
    assert [label.get_text() for label in iomux.plot.work(frame).get_yticklabels()] == ["epoll"]


def test_the_work_of_several_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="2 levels, 10 connections with 10 active and others: select the rows of one"):
        iomux.plot.work(runs_of({"epoll": 4.0}, connections=(10, 100)))
