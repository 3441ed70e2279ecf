"""The solutions of notebook 06b: each is run, and shows what the folded answer says, with a wide margin."""

import pytest

import iomux
from iomux.servers import get
from iomux.solutions.second_pages import more_than_one_core as solutions
from tests.solutions.test_solutions_07_12 import seen


def test_few_connections_may_leave_a_worker_idle() -> None:
    assert solutions.exercise_1(8) == pytest.approx(0.377, abs=0.001)
    assert solutions.exercise_1(32) == pytest.approx(0.0004, abs=0.0001)
    assert solutions.exercise_1(1) == pytest.approx(1.0)


def test_the_busiest_of_four_has_somewhat_more_than_its_share() -> None:
    counts = solutions.exercise_2()
    assert sum(counts) == 1_000
    assert len(counts) == 4
    assert counts[0] < 375, "nine standard deviations"


def test_who_accepts_once_a_wake_up_leaves_some_of_a_burst_to_the_other() -> None:
    get("epoll").load()

    def shared() -> bool:
        counts = solutions.exercise_3()
        assert sum(counts) == 200, "each is accepted by one of them"
        return counts[1] > 0

    assert seen(shared)


def test_the_server_that_accepts_once_is_right() -> None:
    get("epoll").load()
    report = iomux.check(solutions.serve_accept_once, only=["echoes", "half-close", "reset", "burst"], progress=False)
    assert report.passed, report.failed
