"""The verdicts of 07b in worlds that are made up: true, false, and measured where other programs kept the cores."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import iomux
from iomux.figures.queueing.against_load import knee
from iomux.harness.load.queueing import mean_wait_us
from tests.course.test_doubts import OPEN

PAGE = Path(__file__).parents[2] / "notebooks" / "07b_latency_against_load.ipynb"
CELLS = {cell["id"]: "".join(cell["source"]) for cell in json.loads(PAGE.read_text())["cells"]}
S = 200.0
QUIET, BUSY = 1.3 * S, 4 * S
"""How long a request takes that meets no other."""


def answers(capsys: pytest.CaptureFixture[str], *cells: str, **names: Any) -> list[str]:
    """What some cells say, each claim's answer, where these names have these values."""
    world: dict[str, Any] = {"iomux": iomux, "np": np, "knee": knee, "mean_wait_us": mean_wait_us, "S": S} | names
    for cell in cells:
        exec(CELLS[cell], world)
    lines = capsys.readouterr().out.splitlines()
    return ["?" if OPEN in line else line.rpartition(": ")[2] for line in lines if line]


def waited(crowd: float, metronome: float, disturbed: bool = False) -> pd.DataFrame:
    """Runs that waited for these multiples of what the theory says, the metronome for its share of a crowd's wait."""
    rows = [("poisson", share, crowd * mean_wait_us(share, S)) for share in (0.4, 0.6, 0.7, 0.8, 0.9)]
    rows += [("even", share, metronome * mean_wait_us(share, S)) for share in (0.7, 0.9)]
    return pd.DataFrame(rows, columns=["arrivals", "utilisation", "wait_us"]).assign(disturbed=disturbed)


@pytest.mark.parametrize(
    ("crowd", "metronome", "alone", "said"),
    [
        (1.0, 0.0, QUIET, ["True", "True", "True"]),
        (1.3, 0.1, QUIET, ["True", "True", "True"]),
        (1.0, 0.9, QUIET, ["False", "True", "True"]),
        (5.0, 0.0, QUIET, ["True", "True", "False"]),
        (0.2, 0.0, QUIET, ["True", "True", "False"]),
        (1.0, 0.0, BUSY, ["?", "?", "?"]),
    ],
)
def test_a_crowd_waits_as_the_formula_says(
    crowd: float, metronome: float, alone: float, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"runs": waited(crowd, metronome), "alone": alone}
    assert answers(capsys, "load-doubt", "load-verdicts", **names) == said


def test_where_the_machine_disturbed_the_runs_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    names = {"runs": waited(5, 0, disturbed=True), "alone": QUIET}
    assert answers(capsys, "load-doubt", "load-verdicts", **names) == ["?", "?", "?"]


def test_a_line_without_a_bend_is_no_hockey_stick(capsys: pytest.CaptureFixture[str]) -> None:
    straight = waited(1, 0).assign(wait_us=lambda runs: 300 * runs["utilisation"])
    assert answers(capsys, "load-doubt", "load-verdicts", runs=straight, alone=QUIET)[1] == "False"


@pytest.mark.parametrize(
    ("poisson", "even", "alone", "said"),
    [
        (0.5, 0.01, QUIET, ["True", "True"]),
        (0.5, 0.4, QUIET, ["True", "False"]),
        (0.1, 0.0, QUIET, ["False", "True"]),
        (0.9, 0.9, BUSY, ["?", "?"]),
    ],
)
def test_more_of_the_crowds_requests_are_slowed(
    poisson: float, even: float, alone: float, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def slowed(arrivals: str) -> float:
        return {"poisson": poisson, "even": even}[arrivals]

    names = {"runs": waited(1, 0), "alone": alone, "slowed": slowed}
    assert answers(capsys, "load-doubt", "load-seventy-verdict", **names) == said


@pytest.mark.parametrize(
    ("crowd_us", "alone", "said"), [(2 * QUIET, QUIET, ["True"]), (QUIET, QUIET, ["False"]), (QUIET, BUSY, ["?"])]
)
def test_a_crowd_is_slower_than_one_client(
    crowd_us: float, alone: float, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    loops = {"one": SimpleNamespace(p50_us=QUIET), "crowd": SimpleNamespace(p50_us=crowd_us)}
    assert answers(capsys, "load-doubt", "load-closed-verdict", runs=waited(1, 0), alone=alone, **loops) == said


def loaded(
    poll_cpu_us: tuple[float, float], poll_p50_us: float, first_us: float, disturbed: bool = False
) -> pd.DataFrame:
    """Runs at 2,000 and 20,000 a second and at epoll's knee: what poll's requests cost, and how long they take."""
    rows = [("epoll", rate, cpu, 80.0) for rate, cpu in ((2_000, 60.0), (20_000, 40.0), (32_000, 30.0))]
    rows += [("poll", 2_000, poll_cpu_us[0], first_us), ("poll", 20_000, poll_cpu_us[1], poll_p50_us)]
    columns = ["server", "rate_per_s", "cpu_us_per_request", "p50_us"]
    return pd.DataFrame(rows, columns=columns).assign(disturbed=disturbed)


@pytest.mark.parametrize(
    ("loads", "said"),
    [
        (loaded((280, 50), 400, 300), ["True", "True", "True"]),
        (loaded((100, 80), 400, 300), ["False", "False", "True"]),
        (loaded((280, 50), 9_000, 300), ["True", "True", "False"]),
        (loaded((280, 50), 9_000, 2_000), ["?", "?", "?"]),
        (loaded((280, 50), 9_000, 300, disturbed=True), ["?", "?", "?"]),
    ],
)
def test_poll_follows_because_a_busy_server_shares_its_look(
    loads: pd.DataFrame, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    if {"poll", "epoll"} - set(iomux.names()):
        pytest.skip("poll and epoll are compared")
    cells = ("load-knee-verdicts", "load-knee-verdict")
    assert answers(capsys, *cells, loads=loads, rates=[2_000, 20_000, 32_000]) == said
