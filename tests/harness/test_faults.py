"""`load`, `sweep` and `timeline` under a server that dies, stalls, answers wrongly or closes early: each is reported.

The servers work at first, so that they fail in the middle of a run. The reports of `load` on the last three are tested
with `load`.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

import iomux
from iomux.harness.tape.steps import steps
from iomux.harness.timeline import timeline
from tests.support.clients import eventually
from tests.support.faulty_servers import answering, changes_a_byte, closes_early, dies, dies_slowly, stalls

TALK = [(0.0, "A", b"one"), (0.02, "A", b"two"), (1.0, "A", b"")]
LONG = 1.0
"""Seconds of load, long enough for a server on a busy machine to reach its 20th message, and its fault."""
FAULTS = [
    pytest.param(stalls, "no reply by the deadline: 1", id="stalls"),
    pytest.param(changes_a_byte, "wrong reply: 1", id="answers wrongly"),
    pytest.param(closes_early, "closed by the server: 1", id="closes early"),
]


def test_load_names_a_server_that_dies_in_the_middle() -> None:
    with iomux.start(dies) as server:
        with pytest.raises(iomux.ServerError, match=r"(?s)the (traced )?dies server .*ZeroDivisionError: planted"):
            iomux.load(server, duration=LONG, deadline=0.5)
        server.stop()


def test_load_names_a_server_that_is_killed_in_the_middle() -> None:
    with iomux.start("epoll" if "epoll" in iomux.names() else "poll") as server:
        killer = threading.Timer(1.5, os.kill, (server.pid, signal.SIGKILL))
        killer.start()
        with pytest.raises(iomux.ServerError, match="was ended by SIGKILL"):
            iomux.load(server, connections=20, duration=3, deadline=0.5)
        killer.join()
        server.stop()


def test_sweep_has_a_row_for_a_server_that_dies_in_the_middle_and_goes_on() -> None:
    frame = iomux.sweep([dies, "poll"], connections=[1], repeats=1, duration=LONG, warmup=0, progress=False)
    reasons = frame.set_index("server")["reason"]
    assert reasons["dies"] == "ZeroDivisionError: planted"
    assert reasons["poll"] == ""


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_sweep_says_in_the_row_what_the_clients_saw(fault: Any, said: str) -> None:
    frame = iomux.sweep([answering(fault)], connections=[1], repeats=1, duration=LONG, warmup=0, progress=False)
    (row,) = frame.to_dict("records")
    assert row["reason"] == said
    assert row["errors"] == 1
    assert row["requests"] > 5, "it answered well at first"
    assert row["p50_us"] != row["p50_us"], "a run that was cut short has no percentiles"


def test_timeline_names_a_server_that_dies_in_the_middle() -> None:
    with pytest.raises(iomux.ServerError, match=r"(?s)the (traced )?dies server .*ZeroDivisionError: planted"):
        iomux.timeline(dies, requests=300, deadline=0.5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: iomux.timeline(dies_slowly, requests=300, deadline=0.5),
        lambda: iomux.tape(dies_slowly, TALK),
        lambda: steps([dies_slowly], TALK),
    ],
    ids=["timeline", "tape", "steps"],
)
def test_a_server_whose_traceback_comes_long_after_its_clients_were_closed_is_named(ask: Callable[[], Any]) -> None:
    with pytest.raises(iomux.ServerError, match=r"(?s)dies_slowly server .*Planted: planted"):
        ask()


def test_load_waits_for_the_last_words_of_a_server_that_closed_its_client() -> None:
    with iomux.start(dies_slowly) as server:
        with pytest.raises(iomux.ServerError, match="Planted: planted"):
            iomux.load(server, duration=0.1, warmup=0, deadline=0.5)
        server.stop()


def test_a_dying_server_hands_over_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def collect(server: iomux.Server, path: str) -> bytes:
        assert eventually(lambda: "dying" in server.log or not server.alive)
        return collecting(server, path)

    collecting = timeline.collect
    monkeypatch.setattr(timeline, "LAST_WORDS_SECONDS", 0.0)
    monkeypatch.setattr(timeline, "collect", collect)  # it is called while the server writes its traceback
    with pytest.raises(iomux.ServerError, match="Planted: planted"):
        iomux.timeline(dies_slowly, requests=300, deadline=0.5)


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_timeline_says_what_cut_it_short(fault: Any, said: str) -> None:
    with pytest.raises(RuntimeError, match=rf"only 1\d requests were answered.*{said}"):
        iomux.timeline(answering(fault), requests=300, deadline=0.5)


def test_timeline_keeps_the_requests_before_a_stall_and_counts_the_rest() -> None:
    def stalls_late(data: bytes, count: int) -> bytes:
        return data if count < 150 * 64 else b""

    frame = iomux.timeline(answering(stalls_late), requests=300, deadline=0.5)
    assert 50 < len(frame) < 150
    assert frame.attrs["errors"] == {"no reply by the deadline": 1}
