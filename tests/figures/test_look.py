"""How figures look whoever draws them: each mechanism has its own colour and marker, and axes do not exaggerate."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.figures.look import style
from tests.support.figures import texts_outside


def test_the_axis_labels_of_a_long_distribution_do_not_overlap() -> None:
    ax = iomux.plot.distribution({"many": 1000 * np.arange(1, 300_001)})
    assert not texts_outside(ax)
    boxes = [tick.label1.get_window_extent() for tick in ax.xaxis.get_major_ticks()]
    assert all(right.x0 - left.x1 > 5 for left, right in pairwise(boxes))
    plt.close("all")


def test_every_mechanism_looks_different_in_colour_and_in_marker() -> None:
    looks = [style.style(mechanism.name) for mechanism in iomux.mechanisms()]
    assert len({look.color for look in looks}) == len(looks)
    assert len({look.marker for look in looks}) == len(looks)


def test_unregistered_servers_look_different() -> None:
    among = ["epoll", "mine", "yours"]
    assert style.style("mine", among) != style.style("yours", among)
    assert style.style("epoll", among) == style.style("epoll")


def test_a_small_difference_does_not_fill_a_logarithmic_axis() -> None:
    rows = [(name, count, value) for name, value in (("poll", 6.0), ("epoll", 5.5)) for count in (10, 100)]
    ax = style.new_axes(None)
    style.lines(ax, pd.DataFrame(rows, columns=["server", "connections", "us"]), "us", "log")
    low, high = ax.get_ylim()
    assert low < 5.5 < 6.0 < high
    assert high / low == pytest.approx(style.LEAST_SPAN)
