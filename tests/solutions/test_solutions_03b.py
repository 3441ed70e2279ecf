"""The solutions of notebook 03b: each is run, and shows what the folded answer says."""

import signal

import pytest

from iomux.course.verdicts import not_tried
from iomux.solutions.second_pages import signals_and_timers


def need(*names: str) -> None:
    if why_not := not_tried(names):
        pytest.skip(why_not)


def test_a_timer_that_was_kept_waiting_is_one_event_and_a_timerfd_says_how_many_moments_passed() -> None:
    need("timerfd")
    kept = signals_and_timers.exercise_1()
    assert (kept.after, kept.timerfd) == (1, 1)
    assert kept.counted >= 10


def test_ordinary_signals_do_not_pile_up_and_real_time_signals_do() -> None:
    need("signalfd")
    assert signals_and_timers.exercise_2() == {"SIGUSR1": 1, "SIGRTMIN": 5}


def test_a_child_is_waited_for_with_a_time_limit() -> None:
    need("pidfd")
    assert signals_and_timers.exercise_3() == (None, -signal.SIGTERM)
