"""The solutions of notebooks 07 to 13: each is run, and shows what the folded answer says, with a wide margin.

A comparison of two times may be tried again, because a busy machine can disturb one run. Order, counts and content
must be right at the first try.
"""

from collections.abc import Callable

import pytest

from iomux.servers import get
from iomux.solutions import (
    asynchronous_io,
    coroutines,
    coursework,
    latency_against_concurrency,
    playground,
    the_copy,
    when_it_breaks,
)
from iomux.system.features import feature
from iomux.system.limits import check_descriptors

TRIES = 4


def seen(holds: Callable[[], bool]) -> bool:
    """Whether `holds()` is true in one of a few runs."""
    return any(holds() for _ in range(TRIES))


def need(*names: str) -> None:
    """Skip the test, with the reason, if this machine lacks a mechanism or a feature."""
    for name in names:
        if reason := (feature(name) or get(name)).why_not():
            pytest.skip(f"{name}: {reason}")


def ready() -> str:
    """epoll, or poll if there is no epoll."""
    return "epoll" if get("epoll").available() else "poll"


class TestLatencyAgainstConcurrency:
    def test_poll_grows_severalfold_past_a_thousand(self) -> None:
        try:
            check_descriptors(10_000)
        except ValueError as error:
            pytest.skip(str(error))
        assert latency_against_concurrency.exercise_1()["cpu_us_per_request"] > 4

    def test_silent_neighbours_cost_poll_more_than_a_thread_each(self) -> None:
        grown = latency_against_concurrency.exercise_2()["cpu_us_per_request"]
        assert grown["poll"] > 1.5 * grown["threaded"]

    def test_only_an_overloaded_server_gets_slower_in_a_longer_run(self) -> None:
        # Slower than the page's, so that one of the two rates is no overload on a busy machine either.
        median = latency_against_concurrency.exercise_3(sleep_ms=20, rates=(10, 200))
        grown = median[0.6] / median[0.3]
        assert grown[200] > 1.4
        assert median[0.6][200] > 5 * median[0.6][10]

    def test_omitted_samples_of_a_stall_can_be_corrected(self) -> None:
        found = latency_against_concurrency.exercise_4()
        late, requests, median = found["late"], found["requests"], found["median_ms"]
        assert late["planned"] > 5 * late["actual"]
        assert 0.6 < late["repaired"] / late["planned"] < 1.6
        assert 0.6 < late["replaced"] / late["planned"] < 1.6
        assert requests["repaired"] > 1.2 * requests["planned"], "the delayed requests are in it twice"
        assert requests["replaced"] == pytest.approx(requests["planned"], rel=0.2)
        assert median["replaced"] > 2 * median["repaired"], "half of the stall; the requests after it are quicker"

    def test_a_long_wait_adds_the_samples_of_the_requests_it_delayed(self) -> None:
        assert latency_against_concurrency.repaired([100, 15], 20) == [100, 80, 60, 40, 20, 15]

    def test_a_delayed_request_that_was_sent_after_all_is_not_counted_twice(self) -> None:
        assert latency_against_concurrency.replaced([100, 15, 1, 1, 1, 7, 90], 20) == [
            100,
            80,
            60,
            40,
            20,
            7,
            *range(90, 0, -20),
        ]


class TestTheCopy:
    def test_a_mebibyte_is_copied_in_pieces_and_for_many_times_as_long(self) -> None:
        found = the_copy.exercise_1(ready()).T
        calls, times = found.loc[["recv", "send"]], found.loc[["recv_us", "send_us"]]
        assert (calls[64] == 1).all()
        assert (calls[1 << 20] > 4).all()
        assert (times[1 << 20] > 5 * times[64]).all()

    def test_a_sleeping_handler_is_seen_in_its_own_phase(self) -> None:
        slow = the_copy.exercise_2(ready(), seconds=0.02).loc["sleeps"]
        assert slow["handler_us"] > 20_000
        assert slow.idxmax() == "handler_us"

    def test_of_fifty_at_once_each_waits_for_the_others(self) -> None:
        queue_us = the_copy.exercise_3(ready())["queue_us"]
        assert queue_us[50] > 3 * queue_us[1]

    def test_a_relay_by_splice_uses_less_processor_time(self) -> None:
        need("splice")
        assert seen(lambda: bool((work := the_copy.exercise_4())["spliced"] < work["copied"]))


class TestAsynchronousIo:
    def test_a_fifth_entry_is_written_over_the_first(self) -> None:
        need("io_uring")
        tried = asynchronous_io.exercise_1()
        assert tried["three"].taken == [3]
        assert tried["three"].counters == {"sq_head": 3, "sq_tail": 3, "cq_head": 0, "cq_tail": 3}
        assert tried["five"].taken == [4]
        assert 0 not in tried["five"].numbers
        assert tried["five"].counters["sq_tail"] - tried["five"].counters["sq_head"] == 1
        assert tried["five with care"].numbers == [0, 1, 2, 3, 4]

    def test_a_few_clients_share_a_call(self) -> None:
        need("io_uring", "timestamps")
        calls = asynchronous_io.exercise_2((1, 32))  # with four it depends on which of them is faster
        assert calls[32] < 1
        assert calls[1] >= 1

    def test_for_small_transfers_helpers_work_too_and_save_little(self) -> None:
        need("io_uring")
        found = asynchronous_io.exercise_3()
        assert found["syscalls"]["blocking"] >= 512
        assert found["syscalls"]["io_uring SQPOLL"] < 10
        assert (found["helpers_ms"][["io_uring IOSQE_ASYNC", "io_uring SQPOLL"]] > 0).all()

    def test_four_buffers_are_enough_for_fifty_clients(self) -> None:
        need("io_uring", "multishot")
        sent, collected, none_left = asynchronous_io.exercise_4()
        assert collected == sent
        assert none_left > 0


def test_each_exercise_of_each_page_has_its_solution() -> None:
    for module in (
        latency_against_concurrency,
        the_copy,
        asynchronous_io,
        coroutines,
        when_it_breaks,
        coursework,
        playground,
    ):
        assert module.__doc__
        assert 2 <= sum(name.startswith("exercise_") for name in vars(module)) <= 4
