"""The formulas of a queue, against each other and against queues that are made up. Nothing is timed here."""

from random import Random

import numpy as np
import pytest

from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.queueing import mean_wait_us, work_left_ns

SERVICE_NS = 200_000


def test_lindley_by_hand() -> None:
    assert list(work_left_ns([0, 100, 200, 900], 200)) == [0, 100, 200, -300]
    assert list(work_left_ns([30, 30, 30, 100], [5, 7, 20, 1])) == [-30, 5, 12, -38]
    assert list(work_left_ns([0, 500, 500, 1_500], 200)) == [0, -300, 200, -600]
    assert list(work_left_ns([10], 200)) == [-10]
    assert list(work_left_ns([], 200)) == []


def test_nothing_waits_for_even_arrivals_below_the_capacity_and_the_queue_grows_above_it() -> None:
    below, above = (planned_ns(rate, 1, "even", Random()) for rate in (4_900, 5_500))
    assert work_left_ns(below, SERVICE_NS).max() == 0
    assert work_left_ns(above, SERVICE_NS)[-1] == pytest.approx(0.1e9, rel=0.02)


@pytest.mark.parametrize("utilisation", [0.1, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("variation", [0, 1])
def test_pollaczek_and_khinchine_agree_with_a_queue_that_is_made_up(utilisation: float, variation: float) -> None:
    draws, rate = Random(1), utilisation / SERVICE_NS * 1e9
    plan = planned_ns(rate, 200, "poisson", draws)
    service = [draws.expovariate(1 / SERVICE_NS) for _ in plan] if variation else SERVICE_NS
    expected = mean_wait_us(utilisation, SERVICE_NS / 1000, variation)
    assert np.mean(np.maximum(work_left_ns(plan, service), 0)) / 1000 == pytest.approx(expected, rel=0.07)


@pytest.mark.parametrize("utilisation", [1, 1.5, -0.1, float("nan")])
def test_a_queue_that_grows_for_ever_has_no_mean_wait(utilisation: float) -> None:
    with pytest.raises(ValueError, match="from 0 to less than 1 a queue has a mean wait"):
        mean_wait_us(utilisation, 200)
