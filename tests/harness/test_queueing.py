"""The formulas of a queue, against each other and against queues that are made up. No time is judged here."""

from random import Random

import numpy as np
import pytest

import iomux
from iomux.harness.load.arrivals import planned_ns
from iomux.harness.load.queueing import mean_wait_us, work_found_us, work_left_ns

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


def test_a_run_is_given_what_its_own_plan_predicts() -> None:
    with iomux.start("poll") as server:
        run = iomux.load(server, 10, duration=0.2, warmup=0, rate=1_000, seed=3, deadline=10)
        found = work_found_us(run, 200, seconds=0.2)
        assert len(found) == len(run.response_ns)
        assert found.tolist() == (work_left_ns(planned_ns(1_000, 0.2, "poisson", Random(3)), 200_000) / 1000).tolist()
        with pytest.raises(ValueError, match=r"answered of .* planned in 0\.4 s: no reply can be assigned"):
            work_found_us(run, 200, seconds=0.4)
        with pytest.raises(ValueError, match="no plan of its own: it needs a rate, and one load generator"):
            work_found_us(iomux.load(server, duration=0.05), 200, seconds=0.05)


def test_the_least_of_several_plans_is_no_estimate_and_each_run_against_its_own_plan_is() -> None:
    """A server that takes exactly 209 µs, without a machine: the least of five runs at 90 % is a third too low."""
    plans = [planned_ns(0.9 / 209e-6, 0.3, "poisson", Random(seed)) for seed in range(100)]
    means = np.array([work_left_ns(plan, 209_000).clip(0).mean() / 1000 for plan in plans]).reshape(-1, 5)
    assert means.min(axis=1).mean() < 0.75 * mean_wait_us(0.9, 209)
    assert means.mean() == pytest.approx(mean_wait_us(0.9, 209), rel=0.1)
