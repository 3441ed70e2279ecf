"""A link's arithmetic: when a packet comes out, and which ones do not. No clock and no device is needed for it."""

import math
from collections import Counter
from typing import Any

import pytest

from iomux.networks.report import Reading, at, make, too_late
from iomux.networks.wire import COUNTS, Link

MS = 1_000_000
USUAL: dict[str, Any] = {"delay_ms": 0.0, "rate_mbit": None, "loss": 0.0, "queue_bytes": 2_500, "cut": False}


def link(**settings: Any) -> Link:
    return Link(-1, "seed", USUAL | settings)


def test_a_packet_comes_out_after_the_delay() -> None:
    assert link(delay_ms=10).due_ns(1_000, 5 * MS) == 15 * MS


def test_packets_of_a_slow_link_follow_each_other() -> None:
    slow = link(delay_ms=10, rate_mbit=8)  # a packet of 1,000 bytes takes 1 ms
    assert [slow.due_ns(1_000, MS) for _ in range(2)] == [12 * MS, 13 * MS]
    assert slow.due_ns(1_000, 50 * MS) == 61 * MS, "nothing is saved up while it has nothing to send"


def test_what_does_not_fit_into_the_queue_is_dropped_and_takes_no_time() -> None:
    slow = link(rate_mbit=8, queue_bytes=2_500)
    assert [slow.due_ns(1_000, MS) for _ in range(4)] == [2 * MS, 3 * MS, 0, 0]
    assert slow.due_ns(500, MS) == 3.5 * MS, "a smaller one fits"
    assert slow.due_ns(1_000, 3 * MS) == 4.5 * MS
    assert (slow.counts["packets"], slow.counts["bytes"], slow.counts["queue_full"]) == (6, 5_500, 2)


def test_without_a_rate_there_is_no_queue() -> None:
    assert [link().due_ns(60_000, MS) for _ in range(3)] == [MS] * 3


def test_nothing_overtakes() -> None:
    changed = link(delay_ms=80)
    assert changed.due_ns(100, MS) == 81 * MS
    changed.set(USUAL | {"delay_ms": 1})
    assert changed.due_ns(100, 2 * MS) == 81 * MS
    assert changed.due_ns(100, 100 * MS) == 101 * MS


@pytest.mark.parametrize(("settings", "name"), [({"loss": 1.0}, "lost"), ({"cut": True}, "cut")])
def test_what_is_lost_or_cut_never_comes_out_and_leaves_the_link_free(settings: dict[str, Any], name: str) -> None:
    one = link(rate_mbit=8, **settings)
    assert [one.due_ns(1_000, MS) for _ in range(3)] == [0, 0, 0]
    assert one.counts[name] == one.counts["packets"] == 3
    one.set(USUAL | {"rate_mbit": 8})
    assert one.due_ns(1_000, MS) == 2 * MS


def test_the_share_that_is_lost_is_the_one_asked_for() -> None:
    one = link(loss=0.25)
    arrived = sum(bool(one.due_ns(100, MS)) for _ in range(10_000))
    assert 7_300 < arrived < 7_700  # 7,500 ± 4.6 standard deviations


def reading(late_us: dict[int, int], cpu_s: float = 0.0, **counts: int) -> Reading:
    all_counts = dict.fromkeys((*COUNTS, "in_flight", "device_full"), 0) | counts
    return Reading(Counter(all_counts), Counter(late_us), cpu_s, 10.0)


NOTHING = Reading(Counter(), Counter(), 0.0, 0.0)


def test_the_percentiles_are_those_of_the_packets() -> None:
    late = Counter({1: 50, 7: 49, 400: 1})
    assert [at(late, share) for share in (0.5, 0.99, 1.0)] == [1, 7, 400]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (reading({50: 5000}), ""),
        (reading({2_000: 10}), ""),  # too few
        (reading({2_000: 900, 6_000: 600}), ""),  # 20 ms of delay
        (reading({6_000: 5000}), "half of the packets came 6,000 µs or more after they were due"),
        (reading({1: 5000, 11_000: 100}), "1 % of the packets came 11,000 µs or more after they were due"),
        (reading({}, cpu_s=9.5), "it used 95 % of a core, and carries no more packets"),
        (reading({}, device_full=3), "3 packets were dropped in a host's device"),
        (reading({}, wire_full=4), "4 packets were dropped in the wire"),
        (reading({}, lost=5, queue_full=6, cut=7), ""),  # as asked
    ],
)
def test_a_doubt_is_said_from_its_bound_on(seen: Reading, said: str) -> None:
    report = make(seen, NOTHING, delay_ms=20)
    assert len(report.doubts) == bool(said)
    assert said in "".join(report.doubts)


@pytest.mark.parametrize(
    ("p50", "p99", "said"), [(math.nan, math.nan, True), (10_000, math.nan, False), (100, math.nan, True)]
)
def test_a_run_too_short_for_a_percentile_is_in_doubt_as_well(p50: float, p99: float, said: bool) -> None:
    seen = reading({1: 5000, 4_000: 100})
    assert bool(list(too_late(seen, {"p50": p50, "p99": p99}))) == said
