"""What a machine's quiet is worth: measured here, and put into words for machines that are not."""

import dataclasses
import json

import pytest

from iomux.harness.quiet import Quiet, how_quiet
from tests.support.commands import iomux_command

STILL = Quiet(2.0, 0.0, 0.01, 0.05, 0.0, 50.0, 60.0, 90.0, 8.0, 20.0)


def test_a_quiet_machine_is_told_so() -> None:
    first, second, last = STILL.sentences()
    assert first.startswith("a wake-up takes 8 µs (99 %: 20 µs)")
    assert "of its median 16 µs are the machine's" in first
    assert second.startswith("a sleep of 1 ms ends 60 µs late (99 %: 90 µs)")
    assert last == "this machine is quiet: a run now should have no doubt"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"stolen_share": 0.034}, "the hypervisor took 3.4 % of a core"),
        ({"others_share": 0.5}, "other programs used 50 % of a core"),
        ({"waited_share": 0.5}, "for 50 % of the time something was ready to run"),
        ({"throttled_s": 0.7}, "a quota made this process stand still for 0.70 s"),
        ({"wake_p99_us": 1500.0}, "one wake-up of a hundred takes 1.5 ms or more"),
    ],
)
def test_what_disturbs_is_told_and_what_it_does(what: dict[str, float], words: str) -> None:
    found = dataclasses.replace(STILL, **what).sentences()
    assert len(found) == 4
    assert words in found[2]
    assert found[3].startswith("this machine is not quiet")


def test_pressure_that_the_kernel_does_not_count_is_no_disturbance() -> None:
    assert len(dataclasses.replace(STILL, waited_share=None).sentences()) == 3


def test_the_slack_of_timers_is_told_where_the_kernel_tells_it() -> None:
    told = dataclasses.replace(STILL, timer_slack_us=50.0).sentences()[1]
    assert told.endswith("and a time-out; the timers' slack is 50 µs of it (prctl(2))")
    assert dataclasses.replace(STILL, timer_slack_us=None).sentences()[1].endswith("and a time-out")


def test_this_machine_is_measured() -> None:
    found = how_quiet(0.3)
    assert found.seconds >= 0.3
    assert 0 < found.wake_p50_us <= found.wake_p99_us
    assert found.late_p50_us <= found.late_p99_us
    assert 0 <= found.stolen_share <= 1
    assert found.others_share >= 0


@pytest.mark.parametrize("seconds", [0, -1, 61])
def test_a_wrong_time_is_a_clear_error(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"seconds is {seconds}: choose more than 0 and at most 60"):
        how_quiet(seconds)


def test_doctor_says_it_in_words_and_as_json() -> None:
    text = iomux_command("doctor").stdout
    assert "how quiet it is, measured for 2 s:\n- a wake-up takes " in text
    found = json.loads(iomux_command("doctor", "--json").stdout)["quiet"]
    assert found["wake_p50_us"] > 0
    assert found["says"][-1].startswith("this machine is ")
