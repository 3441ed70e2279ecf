"""The figures of latency against load: the theory's line, the medians of the runs, and where the knee is."""

import math
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.figures.queueing.against_load import knee
from tests.support.figures import texts_outside


def waited() -> pd.DataFrame:
    rows = [("poisson", share, 100 * share / (1 - share) + off) for share, off in product((0.3, 0.5, 0.9), (-5, 0, 25))]
    rows += [("even", share, 1.0) for share in (0.3, 0.9)]
    return pd.DataFrame(rows, columns=["arrivals", "utilisation", "wait_us"])


def loaded() -> pd.DataFrame:
    asked = {"connections": 1_000, "active": 100, "arrivals": "poisson"}
    measured = {
        "epoll": (100, 110, 120, 130),
        "poll": (100, 250, 9_000, 90),
        "select": (100, math.nan, math.nan, math.nan),
    }
    rates = (1_000, 2_000, 4_000, 8_000)
    return pd.DataFrame(
        [
            {"server": name, "rate_per_s": rate, "p50_us": us * run} | asked
            for name, all_us in measured.items()
            for rate, us in zip(rates, all_us, strict=True)
            for run in (0.9, 1, 1.5)
        ]
    )


def test_the_theorys_line_is_behind_the_medians() -> None:
    ax = iomux.plot.waiting(waited(), service_us=200)
    theory, *drawn = ax.lines
    x, y = np.asarray(theory.get_xdata(), dtype=float), np.asarray(theory.get_ydata(), dtype=float)
    assert np.interp(0.5, x, y) == pytest.approx(100, rel=0.01)
    assert max(x) < 1
    joined = [line for line in drawn if line.get_linestyle() != "None"]
    assert [np.asarray(line.get_ydata()).tolist() for line in joined] == [pytest.approx([300 / 7, 100, 900]), [1, 1]]
    assert {"theory", "poisson", "even"} <= {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)
    plt.close("all")


def test_the_knee_is_the_last_rate_before_latency_first_exceeds_the_objective() -> None:
    assert knee(loaded()).to_dict() == {"epoll": 8_000, "poll": 2_000, "select": 1_000}
    assert knee(loaded(), within_us=200)["poll"] == 1_000, "that it is quicker again at 8,000 does not count"
    assert math.isnan(knee(loaded(), within_us=50)["poll"])
    assert math.isnan(knee(loaded().assign(p50_us=math.nan))["poll"])


def test_each_server_has_its_line_and_a_ring_at_its_knee() -> None:
    ax = iomux.plot.latency_against_load(loaded())
    rings = {line.get_xdata()[0] for line in ax.lines if line.get_markersize() == 16}  # type: ignore[index]
    assert rings == {8_000, 2_000, 1_000}
    assert {"epoll", "poll", "select"} <= {text.get_text() for text in ax.texts}
    assert not texts_outside(ax)
    plt.close("all")
