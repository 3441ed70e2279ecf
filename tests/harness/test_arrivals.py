"""The arrivals of an open loop: how they are planned, by whom they are sent, and what contradicts itself."""

import json
import math
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import iomux
from iomux.cli.main import main
from iomux.harness.load.arrivals import choose, planned_ns
from iomux.processes.server import Server

SECOND = 1_000_000_000


@pytest.fixture
def poll() -> Iterator[Server]:
    with iomux.start("poll") as server:
        yield server


def poisson(rate: float, seconds: float, seed: int) -> "npt.NDArray[np.int64]":
    return np.array(planned_ns(rate, seconds, "poisson", Random(seed)))


def test_even_arrivals_are_a_metronome_that_begins_at_once() -> None:
    assert list(planned_ns(400, 0.01, "even", Random())) == [0, 2_500_000, 5_000_000, 7_500_000]
    for rate in (29, 58, 116, 300, 19_999):  # 10^9 over (10^9 / 29) is a hair more than 29
        assert len(planned_ns(rate, 1.0, "even", Random())) == rate
    assert len(planned_ns(1.5, 1.0, "even", Random())) == 2


def test_poisson_arrivals_have_exponential_gaps_and_come_in_clumps() -> None:
    plan = poisson(1_000, 50, seed=1)
    gaps = np.diff(plan) / SECOND
    assert plan.min() >= 0
    assert plan.max() < 50 * SECOND
    assert (gaps >= 0).all()
    assert gaps.mean() == pytest.approx(0.001, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert (gaps > 0.001).mean() == pytest.approx(math.exp(-1), abs=0.01)
    counts = np.bincount(plan // (SECOND // 100))
    assert counts.var() == pytest.approx(counts.mean(), rel=0.1), "in each 10 ms a number with a Poisson distribution"


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert (poisson(500, 1, seed=7) == poisson(500, 1, seed=7)).all()
    assert list(poisson(500, 1, seed=7)) != list(poisson(500, 1, seed=8))


def test_the_first_times_of_a_seed_never_change() -> None:
    assert list(planned_ns(1_000, 0.004, "poisson", Random(1)))[:3] == FIRST


FIRST = [144_291, 2_024_447, 3_467_416]
"""What a result reports as its seed has to plan the same times in every later version, too."""


def test_a_run_sends_at_the_times_that_its_seed_plans() -> None:
    with iomux.start("poll") as server:
        first, again, other = (
            iomux.load(server, 5, duration=0.5, warmup=warmup, rate=400, seed=seed)
            for warmup, seed in ((0, 3), (0.1, 3), (0, 4))
        )
    assert first.requests == again.requests == len(poisson(400, 0.5, seed=3)), "whatever the warm-up"
    assert other.requests == len(poisson(400, 0.5, seed=4))
    assert (first.arrivals, first.seed) == ("poisson", 3)
    assert "400 requests/s, Poisson arrivals, seed 3" in first.setting()


def test_without_a_seed_one_is_drawn_and_reported(poll: Server) -> None:
    results = [iomux.load(poll, duration=0.2, warmup=0, rate=300) for _ in range(2)]
    seeds = [result.seed for result in results]
    assert None not in seeds
    assert seeds[0] != seeds[1]
    assert [result.requests for result in results] == [len(poisson(300, 0.2, seed or 0)) for seed in seeds]


def test_even_arrivals_and_a_closed_loop_have_no_seed(poll: Server) -> None:
    even, closed = iomux.load(poll, duration=0.1, rate=100, arrivals="even"), iomux.load(poll, duration=0.1)
    assert (even.arrivals, even.seed, even.requests) == ("even", None, 10)
    assert "evenly spaced" in even.setting()
    assert (closed.arrivals, closed.seed) == (None, None)
    assert closed.setting().endswith("closed loop")


def test_in_a_sweep_each_round_has_its_own_plan_and_the_servers_of_a_round_the_same() -> None:
    options: dict[str, Any] = {"repeats": 2, "duration": 0.2, "warmup": 0.05, "progress": False}
    frame = iomux.sweep(["poll", "select"], [1], rate=200, seed=5, **options)
    assert list(frame["seed"]) == [5, 5, 6, 6]
    assert set(frame["arrivals"]) == {"poisson"}
    assert list(frame["requests"]) == [len(poisson(200, 0.2, seed)) for seed in frame["seed"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 100, "arrivals": "x"}, r"arrivals is 'x': choose 'poisson' .* or 'even'"),
        ({"rate": 100, "seed": -1}, "seed is -1: choose 0 or more"),
        ({"rate": 100, "seed": 1.5}, "seed is 1.5: give a whole number"),
        ({"rate": 100, "seed": True}, "seed is True: give a whole number"),
        ({"rate": 100, "arrivals": "even", "seed": 1}, "even arrivals draw nothing: leave out one"),
        ({"arrivals": "poisson"}, "arrivals is 'poisson', but a closed loop plans no arrivals: give a rate"),
        ({"seed": 1}, "seed is 1, but a closed loop plans no arrivals: give a rate"),
        ({"rate": 0}, "rate is 0"),
        ({"rate": -1}, "rate is -1"),
        ({"rate": math.nan}, "rate is nan"),
        ({"rate": math.inf}, "rate is inf"),
    ],
)
def test_what_contradicts_itself_is_one_clear_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        iomux.load(("127.0.0.1", 1), **options)
    with pytest.raises(ValueError, match=message):
        iomux.sweep("poll", 1, progress=False, **options)


def test_the_defaults_are_an_independent_crowd_and_a_drawn_seed() -> None:
    arrivals, seed = choose(100.0, None, None)
    assert arrivals == "poisson"
    assert seed is not None
    assert choose(None, None, None) == (None, None)
    assert choose(100.0, "even", None) == ("even", None)


def test_bench_plans_as_load_does(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--connections", "2", "--repeats", "1", "--duration", "0.2", "--rate", "300", "--json"]
    assert main(["bench", "poll", *options, "--seed", "9"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["arrivals"], row["seed"], row["requests"]) == ("poisson", 9, len(poisson(300, 0.2, seed=9)))
    assert main(["bench", "poll", *options, "--arrivals", "even"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["arrivals"], row["seed"], row["requests"]) == ("even", None, 60)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "9", "--arrivals", "x"], "arrivals is 'x': choose"),
        (["--rate", "9", "--seed", "-1"], "seed is -1: choose 0 or more"),
        (["--seed", "1"], "a closed loop plans no arrivals: give a rate"),
        (["--rate", "nan"], "rate is nan: choose more than 0"),
    ],
)
def test_bench_refuses_what_contradicts_itself(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "poll", *options]) == 2
    assert said in capsys.readouterr().err
