"""The solutions of notebook 07b: each is run, and shows what the folded answer says, with a wide margin.

A queue can be seen on a quiet machine only. So what is not seen in a few runs is a failure where runs have no doubt,
and is skipped, as not to be told, where the machine disturbs them.
"""

from collections.abc import Callable

import numpy as np
import pytest

import iomux
from iomux.harness.load.queueing import work_left_ns
from iomux.solutions import latency_against_load
from tests.solutions.test_solutions_07_12 import seen


def seen_if_quiet(holds: Callable[[], bool]) -> bool:
    """Whether it holds in one of a few runs; the test is skipped if it does not and the machine is busy."""
    if seen(holds):
        return True
    with iomux.start("poll", handler=latency_against_load.computes(lambda: latency_against_load.SERVICE_US)) as server:
        runs = [iomux.load(server, duration=0.5) for _ in range(3)]
    if doubts := [doubt for run in runs if run.disturbed for doubt in run.doubts]:
        pytest.skip(f"it was not seen, and the machine is busy with other things: {doubts[0]}")
    return False


def test_ten_per_cent_less_work_is_less_than_half_of_the_wait() -> None:
    before, after = latency_against_load.exercise_1()
    assert before == pytest.approx(900)
    assert after == pytest.approx(384, abs=1)


def test_a_closed_loop_has_two_steps_and_one_of_them_is_a_missed_round() -> None:
    def two_steps() -> bool:
        turns = latency_against_load.exercise_2()
        assert turns.mean() == pytest.approx(4)
        quick, missed = (float(np.mean(abs(turns - step) < 0.5)) for step in (3, 6))
        return quick > 0.4 and missed > 0.1

    assert seen_if_quiet(two_steps)


def test_random_service_times_make_a_crowd_wait_longer() -> None:
    def longer() -> bool:
        mean = latency_against_load.exercise_3()
        return mean["exponential"] > 1.2 * mean["constant"]

    assert seen_if_quiet(longer)


def test_the_plan_predicts_the_wait_of_each_request() -> None:
    assert seen_if_quiet(lambda: latency_against_load.exercise_4() > 0.7)


def test_its_recursion_is_the_librarys() -> None:
    planned = [0, 10, 300, 310, 320, 2_000]
    assert latency_against_load.lindley(planned, 200) == list(np.maximum(work_left_ns(planned, 200), 0))
