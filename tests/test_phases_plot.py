"""The timeline's figures: every phase named, every server's bar as long as its request, shares that sum to 100 %."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

import iomux
from iomux.harness.phases import PHASES
from iomux.phases_plot import LOOKS


@pytest.fixture(scope="module")
def followed() -> pd.DataFrame:
    return pd.concat(
        [
            iomux.timeline(name, connections=count, requests=50)
            for count in (1, 30)
            for name in ("nonblocking", "select", "poll")
        ]
    )


def test_every_phase_has_a_look_of_its_own() -> None:
    assert list(LOOKS) == list(PHASES)
    assert len({look[:2] for look in LOOKS.values()}) == len(PHASES)


def test_a_bar_is_one_real_request_and_as_long_as_its_total(followed: pd.DataFrame) -> None:
    alone = followed[followed["connections"] == 1]
    ax = iomux.plot.timeline(alone)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["nonblocking", "select", "poll"]
    assert ax.get_xlabel() == "µs since the client entered send"
    for place, name in enumerate(["nonblocking", "select", "poll"]):
        bars = [p for p in ax.patches if isinstance(p, Rectangle) and round(p.get_y() + p.get_height() / 2) == place]
        length = sum(bar.get_width() for bar in bars)
        totals = alone[alone["server"] == name]["total_us"].to_numpy()
        assert abs(totals - length).min() < 1e-6
    plt.close("all")


def test_shares_sum_to_a_hundred_and_the_whole_stands_above(followed: pd.DataFrame) -> None:
    ax = iomux.plot.phases(followed)
    tops: dict[float, float] = {}
    for patch in ax.patches:
        assert isinstance(patch, Rectangle)
        middle = patch.get_x() + patch.get_width() / 2
        tops[middle] = tops.get(middle, 0) + patch.get_height()
    assert len(tops) == 6
    assert all(abs(top - 100) < 1e-6 for top in tops.values())
    words = [text.get_text() for text in ax.texts]
    assert {"1 open", "30 open"} <= set(words)
    whole = followed[(followed["server"] == "poll") & (followed["connections"] == 30)]["total_us"].median()
    assert f"{whole:,.0f}" in words
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [look.words for look in LOOKS.values()]
    plt.close("all")
