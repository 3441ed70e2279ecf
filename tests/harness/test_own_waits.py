"""Servers with pollers of their own: `timeline` and `tape` see their waits, or say that they don't; never 0."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import iomux
from iomux.harness.timeline.reports import Reports
from iomux.harness.timeline.trace import RECV, SEND, Event, Trace
from iomux.harness.timeline.unseen import WAIT_NOT_SEEN, wait_not_seen
from tests.students import waits, waits_elsewhere
from tests.support.timelines import follow

SEEN = [
    waits.by_selectors,
    waits.by_select_selector,
    waits.by_early_selector,
    waits.by_selectors_with_blocking_sockets,
    waits_elsewhere.by_streams,
    waits.by_epoll_of_that_name,
    waits.by_select_in_a_class,
    waits_elsewhere.hands_to_a_pool,
]
UNSEEN = [waits_elsewhere.by_a_call_in_c, waits.by_early_epoll]
SCRIPT = [(0.0, "A", b"one"), (0.1, "B", b"two"), (0.2, "A", b"three"), (0.3, "B", b""), (0.4, "A", b"")]


@pytest.mark.parametrize("server", SEEN)
def test_the_waits_of_an_own_poller_are_seen(server: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        frame = follow(server, connections=4, active=4)
    assert frame.attrs["not_seen"] == ""
    assert "queue" not in frame.attrs["merged"]
    assert frame["queue_us"].notna().all()
    assert frame["queue_us"].median() > 0, "between the report and the recv there is at least the loop"
    assert frame.attrs["syscalls_per_request"]["wait"] > 0


@pytest.mark.parametrize("server", UNSEEN)
def test_a_wait_that_can_not_be_seen_is_nan_with_the_reason(server: Any) -> None:
    with pytest.warns(UserWarning, match=f"{server.__name__}: the server's wait was not seen"):
        frame = follow(server, connections=4, active=4)
    assert frame["queue_us"].isna().all()
    assert frame["notify_us"].notna().all(), "its time is in notify"
    calls = frame.attrs["syscalls_per_request"]
    assert pd.isna([calls["wait"], calls["control"]]).all()
    assert calls["recv"] == pytest.approx(1, abs=0.1)
    assert frame.attrs["not_seen"] == WAIT_NOT_SEEN
    assert frame.attrs["merged"]["queue"] == f"in notify: {WAIT_NOT_SEEN}"


def test_a_signal_that_is_lost_in_the_gap_before_a_poll_is_sent_again() -> None:
    frame = follow(waits_elsewhere.misses_the_first_signal, connections=1, active=1)
    assert frame.attrs["not_seen"] == ""


def test_a_thread_that_waits_in_recv_is_told_by_that_call_whatever_its_acceptor_does() -> None:
    frame = follow(waits.accepts_by_selector, connections=3, active=3)
    assert frame.attrs["not_seen"] == ""
    assert frame.attrs["syscalls_per_request"]["wait"] == pytest.approx(0, abs=0.02)
    assert (frame["queue_us"] == 0).all()


def test_a_file_may_make_its_poller_when_it_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "early.py"
    file.write_text(f"{Path(waits.__file__).read_text()}\nserve = by_early_selector\n")
    frame = iomux.timeline(f"{file}:serve", connections=2, active=2, requests=100, deadline=20)
    assert frame["queue_us"].notna().all()
    assert frame["queue_us"].median() > 0
    assert frame.attrs["not_seen"] == ""


def test_the_wait_for_room_is_not_the_servers_own_work() -> None:
    """A server that waits between its recv and its send: the kernel's time is notify, and its own is handler."""
    trace = Trace(4)
    reports = Reports(trace)
    with iomux.listen() as listener:
        one = reports.connection(listener)
        reports.told(100, [(listener.fileno(), 1)])
        told = one.before_recv(waits=True)
        assert told is not None
        assert told[1] == 100
        assert one.before_recv(waits=True) is None, "not reported again: the call itself waits"
        reports.told(200, [(listener.fileno(), 4)])
        assert one.before_send(peeked=0)[1] == 200
        assert one.before_send(peeked=1 << 62) == (1 << 62, 0)
    assert trace.ready > 0


def served(stamp: int, entered: int, begin: int, ready: int, calls: int) -> list[Event]:
    counts = (0, 0, calls, calls, 1)
    return [Event(1, RECV, ready, begin, begin + 5, stamp, 64, counts, entered), Event(1, SEND, 0, 9, 9, 0, 64, counts)]


@pytest.mark.parametrize(
    ("once", "calls", "reason"),
    [
        ({"stamp": 10, "entered": 0, "begin": 30, "ready": 20}, 1, ""),  # told by a poller
        ({"stamp": 20, "entered": 10, "begin": 30, "ready": 30}, 1, ""),  # it waited in recv
        ({"stamp": 10, "entered": 20, "begin": 30, "ready": 30}, 1, WAIT_NOT_SEEN),  # recv found its bytes, each time
        ({"stamp": 10, "entered": 0, "begin": 30, "ready": 0}, 1, WAIT_NOT_SEEN),
        ({"stamp": 10, "entered": 0, "begin": 30, "ready": 0}, 2, ""),  # it asks again and again
        ({"stamp": 0, "entered": 10, "begin": 50_000, "ready": 50_000}, 1, ""),  # no stamps here: it took long
    ],
)
def test_what_tells_a_server_of_its_bytes(once: dict[str, int], calls: int, reason: str) -> None:
    events = [event for number in range(1, 101) for event in served(**once, calls=number * calls)]
    assert wait_not_seen(events) == reason
    assert wait_not_seen([]) == ""


@pytest.mark.parametrize("server", SEEN)
def test_a_tape_has_the_notifications_of_an_own_poller(server: Any) -> None:
    frame = iomux.tape(server, SCRIPT)
    for client, reads in (("A", 3), ("B", 2)):
        marks = list(frame[frame["client"] == client]["mark"])
        assert marks.count("notification") == marks.count("read") == reads
        assert marks.index("notification") < marks.index("read") < marks.index("write")
        assert marks[-1] == "close"
    assert frame.attrs["not_seen"] == {}


def test_a_tape_without_its_servers_notifications_says_why() -> None:
    frame = iomux.tape([waits_elsewhere.by_a_call_in_c, "blocking", waits.accepts_by_selector], SCRIPT)
    assert list(frame.attrs["not_seen"]) == ["by_a_call_in_c"], "the others wait in recv"
    assert "notifications were not seen" in frame.attrs["not_seen"]["by_a_call_in_c"]


def test_a_server_without_a_handler_is_taken_and_a_handler_for_it_is_one_sentence() -> None:
    assert "write" in set(iomux.tape(waits.by_selectors, SCRIPT)["mark"])
    with pytest.raises(iomux.ServerError, match=r"by_selectors\(listener\) has no parameter for a handler") as error:
        iomux.tape(waits.by_selectors, SCRIPT, handler=bytes.upper)
    assert "Traceback" not in str(error.value)
    with pytest.raises(iomux.ServerError, match="has no parameter for a handler"):
        iomux.timeline(waits.by_selectors, handler=iomux.echo)


def test_silence_is_an_error_that_says_so() -> None:
    for server in (waits.never_answers, waits.never_accepts):
        with pytest.raises(RuntimeError, match=r"only 0 requests were answered.*no reply by the deadline: 1"):
            iomux.timeline(server, requests=10, deadline=0.5)
    with pytest.raises(RuntimeError, match=r"accepted no client within 0\.5 s of the script's last line"):
        iomux.tape(waits.never_accepts, SCRIPT)
    assert "write" not in set(iomux.tape(waits.never_answers, SCRIPT)["mark"]), "what it does not do is what it shows"
    with pytest.raises(RuntimeError, match="answered without the sockets that the listener accepts"):
        iomux.tape(waits.by_its_number, SCRIPT)
