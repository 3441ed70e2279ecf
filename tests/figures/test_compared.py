"""Servers side by side: one row each, in the course's order, and words where there is no number."""

import math

import pandas as pd

import iomux
from iomux.figures.look.style import STYLES

FRAME = pd.DataFrame(
    {
        "server": ["mine", "epoll", "select", "epoll", "select", "mine"],
        "p99_us": [5.0, 1.0, math.nan, 3.0, math.nan, 5.0],
        "cpu": [9.0, 2.0, 3.0, 2.0, 3.0, 9.0],
    }
)
PANELS = {"p99_us": "99 % within, µs", "cpu": "CPU, µs"}


def test_each_server_has_a_row_and_a_bar_of_its_colour() -> None:
    ax = iomux.plot.compared(FRAME, PANELS, "Three servers")
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["select", "epoll", "mine"]
    other = ax.figure.axes[1]
    assert [round(bar.get_width(), 9) for bar in other.patches] == [3.0, 2.0, 9.0]  # type: ignore[attr-defined]
    assert ax.get_yticklabels()[1].get_color() == STYLES["epoll"].color


def test_a_server_without_a_number_is_said_not_to_be_served() -> None:
    ax = iomux.plot.compared(FRAME, PANELS)
    assert "not served" in [text.get_text() for text in ax.texts]
    assert [round(bar.get_width(), 9) for bar in ax.patches] == [2.0, 5.0]  # type: ignore[attr-defined]


def test_the_note_says_how_many_rounds_and_what_measured() -> None:
    frame = FRAME.copy()
    frame.attrs["tool"] = "wrk"
    note = iomux.plot.caption(iomux.plot.compared(frame, PANELS))
    assert note.startswith("bar: median of 2 rounds; dots: single rounds; measured by wrk; ")


def test_the_note_says_which_runs_are_in_doubt() -> None:
    doubtful = FRAME.assign(doubts=["", "it was late"] * 3)
    assert "in doubt: 3 of 6 runs (it was late); " in iomux.plot.caption(iomux.plot.compared(doubtful, PANELS))
    slept = pd.DataFrame({"pause_us": [0, 100], "cpu_share": [1.0, 0.1], "p50_us": [40.0, 150.0]})
    told = pd.DataFrame({"server": ["poll"], "cpu_share": [0.1], "p50_us": [60.0], "doubts": ["it was late"]})
    assert "in doubt: 1 of 1 runs (it was late); " in iomux.plot.caption(iomux.plot.trade(slept, told))
    slept = slept.assign(doubts=["", "its core was full"])
    for ax in (iomux.plot.pauses(slept, "p50_us"), iomux.plot.trade(slept, told.assign(doubts=""))):
        assert "in doubt: 1 of 2 runs (its core was full); " in iomux.plot.caption(ax)
