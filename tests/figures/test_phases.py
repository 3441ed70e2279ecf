"""The timeline's figures: every phase is named, a bar is as long as its request, shares sum to 100 %."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

import iomux
from iomux.figures.look.phases import LOOKS
from iomux.figures.phases import MARKERS
from iomux.harness.timeline.phases import PHASES
from tests.support.figures import texts_outside


@pytest.fixture(scope="module")
def followed() -> pd.DataFrame:
    return pd.concat(
        [
            iomux.timeline(name, connections=count, requests=50)
            for count in (1, 30)
            for name in ("nonblocking", "select", "poll")
        ]
    )


def test_every_phase_looks_different() -> None:
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


def test_the_number_above_a_bar_is_its_total() -> None:
    quick, slow = (dict.fromkeys((f"{phase}_us" for phase in PHASES), 0.0) for _ in range(2))
    quick |= {"recv_us": 10.0, "total_us": 10.0}
    slow |= {"notify_us": 90.0, "total_us": 90.0}
    of_all = {"server": "poll", "connections": 1, "active": 1, "size_bytes": 64, "machine": "a machine"}
    frame = pd.DataFrame([of_all | row for row in (quick, slow, slow)])
    ax = iomux.plot.phases(frame)
    whole = (10 + 90 + 90) / 3
    heights = {round(patch.get_height(), 6) for patch in ax.patches if isinstance(patch, Rectangle)}
    assert heights == {0, round(100 * 10 / 3 / whole, 6), round(100 * 60 / whole, 6)}
    assert f"{whole:,.0f}\nµs" in [text.get_text() for text in ax.texts]
    plt.close("all")


def test_the_caption_names_the_machine_that_measured(followed: pd.DataFrame) -> None:
    (here,) = set(followed["machine"])
    assert here in iomux.plot.caption(iomux.plot.phases(followed))
    of_another = iomux.plot.caption(iomux.plot.timeline(followed.assign(machine="another")))
    assert "another" in of_another
    assert here not in of_another
    assert here not in iomux.plot.caption(iomux.plot.phases(followed.drop(columns="machine")))
    plt.close("all")


def labels_and_lengths(ax: Axes) -> dict[str, float]:
    lengths: dict[int, float] = {}
    for patch in ax.patches:
        assert isinstance(patch, Rectangle)
        place = round(patch.get_y() + patch.get_height() / 2)
        lengths[place] = lengths.get(place, 0) + patch.get_width()
    return {tick.get_text(): lengths[place] for place, tick in enumerate(ax.get_yticklabels())}


def test_timelines_with_different_settings_have_separate_bars() -> None:
    small = iomux.timeline("poll", requests=20)
    runs = pd.concat([small, iomux.timeline("poll", size=1 << 20, requests=5)])
    bars = labels_and_lengths(iomux.plot.timeline(runs))
    assert list(bars) == ["poll, 64 B", "poll, 1 MiB"]
    assert abs(bars["poll, 64 B"] - small["total_us"].sort_values().iloc[9:12]).min() < 1e-6
    crowd = iomux.timeline("poll", connections=1200, active=2, requests=20)
    ax = iomux.plot.timeline(pd.concat([small, crowd]))
    assert list(labels_and_lengths(ax)) == ["poll, 1 open, 1 active", "poll, 1,200 open, 2 active"]
    assert any(text.get_text().splitlines()[0].endswith("; 64 B") for text in ax.texts), "the settings that all share"
    assert not texts_outside(ax)
    plt.close("all")


def test_a_request_with_a_rare_delay_is_not_the_one_shown() -> None:
    usual = {f"{phase}_us": 10.0 for phase in PHASES} | {"total_us": 10.0 * len(PHASES)}
    of_all = {"server": "poll", "connections": 1, "active": 1, "size_bytes": 64, "machine": "a machine"}
    frame = pd.DataFrame([of_all | usual] * 41)
    shift = np.arange(41) - 20.0  # µs: number 20 has the median total
    frame["total_us"] += shift
    rare = np.where(shift == 0, 1000.0, 0.0)
    frame["notify_us"] += shift - rare
    frame["handler_us"] += rare
    ax = iomux.plot.timeline(frame)
    widths = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)]
    assert max(widths) < 1000
    assert frame["total_us"].iloc[18] <= sum(widths) <= frame["total_us"].iloc[22]
    plt.close("all")


def test_the_text_next_to_a_bar_is_within_the_axes_and_a_single_bar_is_not_too_thick(followed: pd.DataFrame) -> None:
    alone = followed[(followed["connections"] == 1) & (followed["server"] == "poll")]
    for frame in (alone, followed):
        ax = iomux.plot.timeline(frame)
        ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]
        beside = [text for text in ax.texts if text.get_text().startswith("recv ")]
        assert len(beside) == len(ax.get_yticks())
        assert all(text.get_window_extent().x1 <= ax.get_window_extent().x1 for text in beside)
        bar = ax.patches[0]
        assert isinstance(bar, Rectangle)
        assert bar.get_height() < 0.35 * abs(ax.get_ylim()[0] - ax.get_ylim()[1])
    plt.close("all")


def test_a_line_is_the_median_of_a_phase_and_each_server_has_its_part(followed: pd.DataFrame) -> None:
    ax = iomux.plot.phase_times(followed)
    assert ax.get_yscale() == "log"
    drawn = [line for line in ax.lines if line.get_label() in MARKERS]
    assert [line.get_label() for line in drawn] == [*MARKERS] * 3
    for name, lines in zip(("nonblocking", "select", "poll"), (drawn[:4], drawn[4:8], drawn[8:]), strict=True):
        medians = followed[followed["server"] == name].groupby("connections").median(numeric_only=True)
        for line in lines:
            drawn_at = np.asarray(line.get_ydata(), dtype=float)
            assert np.isnan(drawn_at).tolist() == [False, True, False], "1 and 30 are more than a decade apart"
            assert np.allclose(drawn_at[[0, 2]], medians[f"{line.get_label()}_us"])
    begins, ends = ([np.asarray(line.get_xdata(), dtype=float)[at] for line in drawn[::4]] for at in (0, -1))
    assert begins[0] < ends[0] < begins[1] < ends[1] < begins[2] < ends[2]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "30"] * 3
    words = {text.get_text() for text in ax.texts}
    assert {"nonblocking", "select", "poll", *MARKERS} <= words
    assert len(ax.collections) == len(drawn), "a bar for each"
    assert not texts_outside(ax)
    plt.close("all")


def test_shares_sum_to_a_hundred_and_the_total_is_above(followed: pd.DataFrame) -> None:
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
    totals = followed[(followed["server"] == "poll") & (followed["connections"] == 30)]["total_us"].sort_values()
    assert f"{totals.iloc[12:38].mean():,.0f}\nµs" in words
    legend = ax.get_legend()
    assert legend is not None
    named = [text.get_text() for text in legend.get_texts()]
    assert set(named) >= {LOOKS[phase].words for phase in PHASES if phase != "reply"}, "reply is never visible"
    assert named == [look.words for look in LOOKS.values() if look.words in named]
    plt.close("all")


@pytest.mark.parametrize("draw", [iomux.plot.phases, iomux.plot.phase_times])
def test_different_experiments_are_not_drawn_as_one(draw: Any, followed: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="size_bytes is 64, 1,024: draw timelines of one size_bytes at a time"):
        draw(pd.concat([followed, followed.assign(size_bytes=1024)]))
    with pytest.raises(ValueError, match="no request"):
        draw(followed.iloc[:0])
