"""What the folded answers of 16 say is what their solutions find: no round trip is shorter than the wire."""

from statistics import median

import pytest

from iomux.solutions.second_pages import wire
from iomux.system.features import feature

ROUND_TRIP_MS = 40
found = feature("network")
missing = found.why_not() if found else "no such feature"
wired = pytest.mark.skipif(bool(missing), reason=missing)


@wired
def test_16_1_six_files_are_twelve_round_trips_or_seven_or_two() -> None:
    new, one, at_once = wire.exercise_1().values()
    assert new >= 12 * ROUND_TRIP_MS
    assert one >= 7 * ROUND_TRIP_MS
    assert at_once >= 2 * ROUND_TRIP_MS
    assert at_once < one < new


@wired
def test_16_2_after_a_silence_the_window_begins_anew() -> None:
    first, again, later = wire.exercise_2()
    assert first >= 4 * ROUND_TRIP_MS
    assert later >= 3 * ROUND_TRIP_MS, "as many as some ten packets, doubled, make necessary"
    assert again < later


@wired
def test_16_3_bbr_minds_the_loss_least() -> None:
    took = wire.exercise_3()
    assert "reno" in took
    assert min(map(len, took.values())) == 3
    if "bbr" in took:
        assert median(took["bbr"]) < median(took["reno"])


def test_16_4_one_deadline_ends_a_drip() -> None:
    dripped, whole = wire.exercise_4()
    assert 0 < len(dripped) < 100
    assert whole == b"." * 100
