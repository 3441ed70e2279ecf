"""The solutions of notebooks 00 to 03, and 06: each is run, and shows what its answer says, with a wide margin."""

import socket
from types import SimpleNamespace

import pytest

import iomux
from iomux import events
from iomux.servers import get, pollers, readiness
from iomux.solutions import (
    blocking,
    epoll_,
    event_driven_programs,
    nonblocking,
    start_here,
)
from tests.students.right import sleeps
from tests.support.clients import eventually, unsent

with_epoll = pytest.mark.skipif(not get("epoll").available(), reason="epoll is missing here, or hidden")


def test_00_1_some_number_of_clients_makes_the_median_tenfold_and_few_do_not() -> None:
    # Clients are served one after the other, so the factor is about their number.
    multiples = start_here.exercise_1((1, 3, 100), sleeps)
    assert multiples[100] > 10 > multiples[3]


def test_00_2_the_second_client_of_a_blocking_server_is_never_served() -> None:
    assert "never served: 1 client\n" in str(start_here.exercise_2())


def test_00_3_an_echo_is_over_when_as_many_bytes_have_come_as_were_sent() -> None:
    found = start_here.exercise_3()
    assert [whole for whole, _ in found.values()] == [True, True]
    assert found[200_000][1] > 3, "65,536 bytes at most come at once"


def test_00_3_a_closed_connection_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"hel")
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError, match="after 3 bytes"):
            start_here.ask(ours, b"hello")


def test_01_1_a_smaller_stack_reserves_less_and_takes_as_much() -> None:
    usual, small = (blocking.exercise_1().loc[name] for name in ("serve", "small_stacks"))
    assert usual["unserved"] == small["unserved"] == 0
    assert small["virtual_each_bytes"] < usual["virtual_each_bytes"] - (1 << 20)
    assert 0.5 < small["rss_each_bytes"] / usual["rss_each_bytes"] < 2


def test_01_2_a_pool_of_eight_serves_eight_and_lets_twelve_wait() -> None:
    assert blocking.exercise_2() == {8: 0, 20: 12}


def test_01_3_the_second_is_answered_because_the_first_has_lost_its_connection() -> None:
    turn = blocking.exercise_3()
    assert turn.answer == b"hello?"
    assert turn.first_received == b""
    assert turn.seconds >= 0.1, "the time limit for the first client"


def test_02_1_a_round_of_empty_reads_delays_an_active_client() -> None:
    seen = nonblocking.exercise_1()
    assert seen.clients > 20
    assert seen.p50_us > 200


def test_02_2_connect_says_in_progress_and_so_error_how_it_ended() -> None:
    assert nonblocking.exercise_2() == {
        "listening": ("EINPROGRESS", "0"),
        "nobody": ("EINPROGRESS", "ECONNREFUSED"),
    }


def test_02_3_backing_off_has_the_latency_of_the_short_sleep() -> None:
    latency = nonblocking.exercise_3()["p50_us"]
    assert latency["backing off"] < latency["50 ms"] / 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what the server had is left to the end
def test_02_3_backing_off_sleeps_as_long_as_the_long_sleep_until_somebody_has_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses_ms: list[float] = []
    with iomux.listen() as listener, socket.create_connection(listener.getsockname(), timeout=5) as client:

        def sleep(seconds: float) -> None:
            pauses_ms.append(round(1000 * seconds))
            if len(pauses_ms) == 8:
                client.sendall(b"?")
                assert eventually(lambda: unsent(client) == 0)  # it has arrived
            if len(pauses_ms) == 10:
                raise InterruptedError

        monkeypatch.setattr(nonblocking, "time", SimpleNamespace(sleep=sleep))
        with pytest.raises(InterruptedError):
            nonblocking.backing_off()(listener)
    assert pauses_ms == [1, 2, 4, 8, 16, 32, 50, 50, 1, 2]


def test_03_1_a_click_that_clicks_never_ends_and_the_librarys_timers_get_their_turn() -> None:
    clicks = event_driven_programs.exercise_1()
    assert clicks.ours == 1_000
    assert clicks.ticks == 5
    assert clicks.library > clicks.ticks


def test_03_2_a_waiter_is_no_faster_but_leaves_the_guest_free() -> None:
    table = event_driven_programs.exercise_2().round()
    assert table["all"].to_dict() == {"blocking": 54, "nonblocking": 41, "called": 38, "served": 38}
    assert table["free"].to_dict() == {"blocking": 0, "nonblocking": 0, "called": 3, "served": 38}


class Clock:
    """A clock, and a poller that lets it go on by as long as it is to wait and 3 ms: each is woken late."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def poll(self, seconds: float, /) -> list[tuple[int, int]]:
        self.now += seconds + 0.003
        return []

    def register(self, *_: object) -> None:
        """Nothing ever comes but moments."""


def test_03_3_planned_moments_do_not_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    for module in (event_driven_programs, events, readiness):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(pollers, "make", lambda name: (clock, 1))
    assert event_driven_programs.exercise_3() == pytest.approx({"from now": 20 + 5 + 3, "planned": 20})


@with_epoll
def test_06_1_one_accept_per_edge_leaves_clients_in_the_backlog() -> None:
    assert epoll_.exercise_1() == {"accept": [1, 2], "accept_pending": [3, 4]}


@with_epoll
def test_06_2_the_wake_ups_of_one_listener_grow_with_the_processes() -> None:
    herds = epoll_.exercise_2((1, 4))
    assert (herds["accepted"] == 20).all()
    assert herds["woken"][4] > 2 * herds["woken"][1]


@with_epoll
def test_06_3_writing_at_once_and_remembering_leave_one_call_per_request() -> None:
    calls = epoll_.exercise_3()
    assert calls["poll"].to_list() == [2, 1, 1]
    assert calls["modify"].to_list() == [2, 1, 0]


@with_epoll
def test_06_3_the_improved_server_still_keeps_the_contract() -> None:
    report = iomux.check(epoll_.improved()["serve"], only="slow-reader", progress=False)
    assert report.passed, str(report)
