"""`iomux.timeline`: every request is a row, its phases sum to its time, and merged phases are named."""

import functools
from array import array

import pandas as pd
import pytest

import iomux
from iomux.harness.timeline.client import ClientTrace, TimelinePlan
from iomux.harness.timeline.table import to_frame
from iomux.harness.timeline.trace import RECV, SEND, Trace, clock_offset_ns
from iomux.servers import get, mechanisms
from iomux.servers.observed.instrument import UNTRACEABLE
from iomux.system.features import available
from tests.students.right import asks_in_turn, sleeps
from tests.support.timelines import COLUMNS, OWN_WORK_US, assert_whole, follow

MIB = 1024 * 1024
TRACEABLE = [mechanism.name for mechanism in mechanisms() if mechanism.name not in UNTRACEABLE]
needs_stamps = pytest.mark.skipif(not available("timestamps"), reason="the kernel gives no receive stamps here")


@functools.cache
def plain(name: str) -> pd.DataFrame:
    """One timeline of one client, shared by the tests, which must not modify it."""
    return follow(name)


@pytest.mark.parametrize("name", TRACEABLE)
def test_one_row_a_request_and_its_phases_are_its_time(name: str) -> None:
    frame = plain(name)
    assert set(frame["server"]) == {name}
    assert set(frame["model"]) == {get(name).model}
    assert frame[["connections", "active", "size_bytes"]].drop_duplicates().to_numpy().tolist() == [[1, 1, 64]]
    assert (frame["total_us"] > 0).all()
    assert (frame["send_call_us"] >= frame["send_us"] - 0.001).all()
    assert (frame["request_call_us"] > 0).all()
    assert frame["stamped"].all() == available("timestamps")
    assert frame.attrs["machine"]


@pytest.mark.parametrize("name", TRACEABLE)
def test_two_clocks_agree_on_the_total(name: str) -> None:
    frame = plain(name)
    apart = (frame["total_us"] - frame["response_us"]).abs() / frame["response_us"]
    assert (apart <= 0.05).mean() >= 0.95


@needs_stamps
@pytest.mark.parametrize("name", TRACEABLE)
def test_on_the_loopback_a_stamp_lies_within_the_send_that_carries_the_bytes(name: str) -> None:
    frame = plain(name)
    inside = frame["request_us"].between(0, frame["request_call_us"]) & (frame["send_us"] > 0)
    assert inside.mean() >= 0.95
    assert (frame["reply_us"] == 0).mean() >= 0.95


@pytest.mark.parametrize("name", ["select", "poll", "epoll", "generators", "coroutines", "asyncio"])
def test_woken_once_a_request(name: str) -> None:
    calls = plain(name).attrs["syscalls_per_request"]
    assert calls == pytest.approx({"wait": 1, "control": 0, "recv": 1, "send": 1, "accept": 0}, abs=0.02)


def test_under_io_uring_the_copy_in_is_no_phase_of_the_server() -> None:
    frame = follow("io_uring", requests=20, handler=sleeps)
    assert frame["recv_us"].isna().all()
    assert "before the completion was seen" in frame.attrs["merged"]["recv"]
    assert frame["notify_us"].median() < frame["handler_us"].median()
    assert (frame["handler_us"] >= OWN_WORK_US).all()
    assert frame["send_us"].median() < OWN_WORK_US / 2
    assert follow("io_uring", requests=50, size=1 << 20)["send_us"].median() > 0


@pytest.mark.parametrize("name", ["blocking", "threaded"])
def test_a_blocking_server_makes_no_readiness_call_and_has_no_queue(name: str) -> None:
    frame = plain(name)
    calls = {"wait": 0, "control": 0, "recv": 1, "send": 1, "accept": 0}
    assert frame.attrs["syscalls_per_request"] == pytest.approx(calls, abs=0.02)
    assert (frame["queue_us"] == 0).all()
    assert "queue" not in frame.attrs["merged"]


def test_the_calls_of_a_batch_count_for_all_its_requests() -> None:
    calls = follow("epoll", connections=300, active=300, requests=100).attrs["syscalls_per_request"]
    assert (calls["recv"], calls["send"]) == pytest.approx((1, 1), abs=0.1)


def test_edge_triggered_reads_until_there_is_no_more() -> None:
    calls = plain("epoll-et").attrs["syscalls_per_request"]
    assert 1 <= calls["recv"] <= 2.02, (
        "the next request may be there before the second recv: see tests/harness/test_syscalls.py"
    )
    assert calls["send"] == pytest.approx(1, abs=0.02)
    assert (calls["control"], calls["accept"]) == (0, 0)


def test_a_nonblocking_server_makes_many_calls_and_its_queue_is_unknown() -> None:
    frame = follow("nonblocking", connections=20)
    assert frame.attrs["syscalls_per_request"]["recv"] > 1
    assert frame.attrs["syscalls_per_request"]["wait"] == 0
    assert frame["queue_us"].isna().all()
    assert "no readiness call" in frame.attrs["merged"]["queue"]
    assert frame["notify_us"].notna().all(), "its time is in notify"


def test_a_students_function_is_followed() -> None:
    frame = follow(asks_in_turn, connections=3, active=2)
    assert set(frame["server"]) == {"asks_in_turn"}
    assert set(frame["model"]) == {""}
    assert frame["queue_us"].notna().all(), "its own select.select is seen"
    calls = frame.attrs["syscalls_per_request"]
    assert (calls["recv"], calls["send"]) == pytest.approx((1, 1), abs=0.02)
    assert 0.4 <= calls["wait"] <= 1.02, "two clients may be told of by one call"


def test_a_server_that_would_not_survive_a_reset_is_sent_none() -> None:
    for _ in range(3):
        follow(asks_in_turn, connections=30, active=30, requests=50)


@pytest.mark.parametrize("name", ["poll", "epoll", "nonblocking", "blocking"])
def test_without_stamps_the_kernels_time_is_merged_into_other_phases(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IOMUX_WITHOUT", "timestamps")
    frame = follow(name)
    assert frame[["request_us", "reply_us"]].isna().all(axis=None)
    assert frame[["notify_us", "recv_us", "handler_us", "send_us", "client_us"]].notna().all(axis=None)
    assert {"request", "reply"} <= set(frame.attrs["merged"])
    assert "IOMUX_WITHOUT" in frame.attrs["merged"]["request"]
    assert not frame["stamped"].any()
    assert frame.attrs["missing_stamps"] == 200


def test_a_clock_that_was_set_is_an_error_and_otherwise_agrees_with_the_monotonic_one() -> None:
    apart = [clock_offset_ns() for _ in range(50)]
    assert max(apart) - min(apart) < 500_000
    question = TimelinePlan(("127.0.0.1", 1), 1, 1, 64, 1, 1.0)
    with pytest.raises(RuntimeError, match="the system's clock was set by -2 ms during the run"):
        to_frame(question, ClientTrace(clock_moved_ns=-2_000_000), b"")


def test_bytes_that_no_stamp_came_with_have_a_reason() -> None:
    asked, served = Trace(2), Trace(2)
    asked.note(1, SEND, 0, 100, 130, 0, 64)
    asked.note(1, RECV, 0, 330, 350, 0, 64)
    served.note(1, RECV, 200, 240, 260, 0, 64)
    served.note(1, SEND, 200, 290, 320, 0, 64)
    seen = ClientTrace(asked.packed(), response_ns={1: array("q", [250])})
    frame = to_frame(TimelinePlan(("127.0.0.1", 1), 1, 1, 64, 1, 1.0), seen, served.packed())
    assert frame["total_us"].tolist() == [0.25]
    assert available("timestamps") == (
        frame.attrs["merged"]["request"] == "in notify: the kernel gave these bytes no stamp"
    )


@needs_stamps
@pytest.mark.parametrize("name", ["poll", "blocking", "threaded"])
def test_stamps_separate_the_kernels_time(name: str) -> None:
    frame = plain(name)
    assert frame[COLUMNS].notna().all(axis=None)
    assert frame.attrs["merged"] == {}
    assert frame.attrs["missing_stamps"] == 0
    assert (frame[["request_us", "recv_us"]] > 0).all(axis=None)


@pytest.mark.parametrize("name", ["poll", "epoll", "blocking"])
def test_a_known_delay_is_in_the_handler_and_nowhere_else(name: str) -> None:
    medians = follow(name, requests=20, handler=sleeps)[COLUMNS].median()
    assert OWN_WORK_US <= medians["handler_us"] <= 10 * OWN_WORK_US
    assert medians["recv_us"] < OWN_WORK_US / 2
    assert medians["send_us"] < OWN_WORK_US / 2


@pytest.mark.parametrize("name", ["blocking", "poll", "epoll"])
def test_a_mebibyte_takes_longer_copies(name: str) -> None:
    small, large = (frame[COLUMNS].median() for frame in (plain(name), follow(name, size=MIB, requests=30)))
    assert large["recv_us"] + large["send_us"] >= 5 * (small["recv_us"] + small["send_us"])


def test_blocking_leaves_the_second_client_waiting() -> None:
    frame = iomux.timeline("blocking", connections=2, active=2, requests=200, deadline=0.5)
    assert frame.attrs["unserved"] == 1
    assert_whole(frame)
    assert len(frame) == 200
    ends = frame["start_us"] + frame["total_us"]
    assert (frame["start_us"].iloc[1:].to_numpy() >= ends.iloc[:-1].to_numpy() - 1).all(), "one after the other"


@pytest.mark.parametrize("name", ["threaded", "coroutines", "asyncio", "epoll", "poll"])
def test_many_active_are_all_served(name: str) -> None:
    active = 4 if name == "threaded" else 10
    frame = follow(name, connections=active, active=active)
    ends = frame["start_us"] + frame["total_us"]
    assert (frame["start_us"].iloc[1:].to_numpy() < ends.iloc[:-1].to_numpy()).any(), "several were under way at once"
