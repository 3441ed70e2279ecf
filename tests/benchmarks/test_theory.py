"""What the benchmark `theory` subtracts and draws, tried on a server that is made up. Nothing is timed here."""

from random import Random

import numpy as np
import pytest

from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.queueing import mean_wait_us, work_left_ns
from tests.benchmarks import theory

SERVICE_US, SHARE = 209.0, 0.7
GAP_US = SERVICE_US / SHARE


def woken_us(found_us: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
    """How long it takes to wake a server that has slept: longer after a longer sleep."""
    return np.where(found_us < 0, 10 + np.minimum(-found_us, 500) / 10, 0)


def test_even_arrivals_that_do_not_wait_are_seen_not_to_wait_however_slowly_a_sleeper_wakes() -> None:
    plan = planned_ns(1e6 / GAP_US, 5, "poisson", Random(1))
    found = work_left_ns(plan, 1000 * SERVICE_US) / 1000
    response = found.clip(0) + SERVICE_US + woken_us(found)
    crowd = theory._Crowd(float(response.mean()), response, found)
    idle = GAP_US - SERVICE_US
    even = SERVICE_US + float(woken_us(np.array([-idle]))[0])
    assert theory.metronome_wait(even, crowd, idle) == pytest.approx(0, abs=2)
    assert even - crowd.alone() < -5, "those that find it idle for any time are woken later"
    assert crowd.planned == pytest.approx(mean_wait_us(SHARE, SERVICE_US), rel=0.15)


def test_gaps_and_service_times_are_drawn_apart() -> None:
    rounds = [theory.streams(sequence, 3) for sequence in np.random.SeedSequence(1).spawn(2)]
    assert len({seed for seeds, _ in rounds for seed in seeds}) == 6, "each plan is another"
    for seeds, draws in rounds:
        gaps = np.diff(planned_ns(5_000, 2, "poisson", Random(seeds[-1])), prepend=0)
        service = draws.exponential(200, len(gaps))
        assert max(abs(np.corrcoef(gaps, np.roll(service, by))[0, 1]) for by in range(-2, 3)) < 0.05


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    one, again, other = (theory.streams(np.random.SeedSequence(seed), 2) for seed in (5, 5, 6))
    assert one[0] == again[0]
    assert one[0] != other[0]
    assert one[1].exponential() == again[1].exponential()
