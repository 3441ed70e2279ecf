"""The arithmetic of a timeline: phases from stamps that are made up, each with the one answer that is right."""

import math

import pytest

from iomux.harness.timeline.phases import PHASES, conversations, phases
from iomux.harness.timeline.trace import RECV, SEND, Event

MIB = 1024 * 1024


def event(kind: int, begin: int, end: int, size: int = 64, port: int = 1, ready: int = 0, stamp: int = 0) -> Event:
    return Event(port, kind, ready, begin, end, stamp, size, calls=(0,) * 5)


def spent(asked: list[Event], served: list[Event], size: int = 64) -> dict[str, float]:
    """The phases, after a check that they sum to the time from the client's first `send` to its last `recv`."""
    found = phases(asked, served, size)
    assert list(found) == list(PHASES)
    assert sum(ns for ns in found.values() if not math.isnan(ns)) == asked[-1].end - asked[0].begin
    return found


def named(**known: float) -> dict[str, float]:
    return dict.fromkeys(PHASES, 0) | known


ASKED = event(SEND, 100, 130)


RECEIVED = event(RECV, 240, 260, ready=200, stamp=110)


def test_phases_of_one_piece_whose_reply_arrives_within_send() -> None:
    found = spent([ASKED, event(RECV, 330, 350, stamp=300)], [RECEIVED, event(SEND, 290, 320)])
    assert found == named(request=10, notify=90, queue=40, recv=20, handler=30, send=10, client=50)


def test_phases_of_a_reply_that_arrives_after_send() -> None:
    found = spent([ASKED, event(RECV, 330, 350, stamp=325)], [RECEIVED, event(SEND, 290, 320)])
    assert found == named(request=10, notify=90, queue=40, recv=20, handler=30, send=30, reply=5, client=25)


def test_phases_of_two_pieces_are_sums() -> None:
    served = [
        event(RECV, 210, 220, 40, ready=200, stamp=110),
        event(SEND, 225, 235, 40, ready=200),
        event(RECV, 260, 268, 24, ready=250, stamp=120),
        event(SEND, 270, 290, 24, ready=250),
    ]
    found = spent([ASKED, event(RECV, 240, 245, 40, stamp=230), event(RECV, 300, 310, 24, stamp=280)], served)
    first = named(request=10, notify=90, queue=10, recv=10, handler=5, send=10)
    second = named(notify=15, queue=10, recv=8, handler=2, send=10, client=30)
    assert found == {phase: first[phase] + second[phase] for phase in PHASES}


def test_phases_of_what_is_owed_and_sent_later() -> None:
    served = [RECEIVED, event(SEND, 290, 320, 40, ready=200), event(SEND, 350, 370, 24, ready=340)]
    found = spent([ASKED, event(RECV, 380, 390, stamp=360)], served)
    assert found == named(request=10, notify=110, queue=50, recv=20, handler=30, send=40, client=30)


def test_phases_without_the_requests_stamp() -> None:
    served = [RECEIVED._replace(stamp=0), event(SEND, 290, 320)]
    found = spent([ASKED, event(RECV, 330, 350, stamp=300)], served)
    assert math.isnan(found["request"])
    assert found | {"request": 0} == named(notify=100, queue=40, recv=20, handler=30, send=10, client=50)


def test_phases_without_the_replys_stamp() -> None:
    found = spent([ASKED, event(RECV, 330, 350)], [RECEIVED, event(SEND, 290, 320)])
    assert math.isnan(found["reply"])
    assert found | {"reply": 0} == named(request=10, notify=90, queue=40, recv=20, handler=30, send=30, client=30)


def test_phases_without_the_replys_stamp_when_it_is_read_before_send_returns() -> None:
    found = spent([ASKED, event(RECV, 300, 310)], [RECEIVED, event(SEND, 290, 320)])
    assert found | {"reply": 0} == named(request=10, notify=90, queue=40, recv=20, handler=30, send=20)


def test_phases_without_a_readiness_call() -> None:
    found = spent([ASKED, event(RECV, 330, 350, stamp=300)], [RECEIVED._replace(ready=0), event(SEND, 290, 320)])
    assert math.isnan(found["queue"])
    assert found | {"queue": 0} == named(request=10, notify=130, recv=20, handler=30, send=10, client=50)


def test_a_readiness_call_before_the_bytes_is_about_another_event() -> None:
    found = spent([ASKED, event(RECV, 330, 350, stamp=300)], [RECEIVED._replace(ready=105), event(SEND, 290, 320)])
    assert found == named(request=10, notify=0, queue=130, recv=20, handler=30, send=10, client=50)


def test_a_long_requests_stamp_is_its_last_segments() -> None:
    served = [RECEIVED._replace(stamp=255, size=MIB), event(SEND, 290, 320, MIB)]
    found = spent([event(SEND, 100, 250, MIB), event(RECV, 330, 350, MIB, stamp=300)], served, MIB)
    assert found == named(request=140, recv=20, handler=30, send=10, client=50)


def test_work_between_two_sends_without_a_wait_is_the_handlers() -> None:
    served = [RECEIVED, event(SEND, 270, 280, 40, ready=200), event(SEND, 300, 320, 24, ready=200)]
    found = spent([ASKED, event(RECV, 330, 350, stamp=325)], served)
    assert found == named(request=10, notify=90, queue=40, recv=20, handler=30, send=30, reply=5, client=25)


def test_work_before_a_recv_that_waits_is_the_handlers() -> None:
    served = [
        event(RECV, 210, 220, 40, ready=200, stamp=110),
        event(RECV, 260, 270, 24, ready=260, stamp=120)._replace(entered=245),
        event(SEND, 290, 320, ready=260),
    ]
    found = spent([ASKED, event(RECV, 330, 350, stamp=325)], served)
    assert found == named(request=10, notify=105, queue=10, recv=20, handler=45, send=30, reply=5, client=25)


def test_between_two_pieces_without_a_readiness_call_work_and_waiting_look_the_same() -> None:
    served = [event(RECV, 210, 220, 40, stamp=110), event(RECV, 260, 270, 24, stamp=120), event(SEND, 290, 320)]
    found = spent([ASKED, event(RECV, 330, 350, stamp=325)], served)
    assert found | {"queue": 0} == named(request=10, notify=140, recv=20, handler=20, send=30, reply=5, client=25)


def test_a_copy_that_ended_before_the_notification_is_no_phase() -> None:
    served = [event(RECV, 240, 240, ready=200, stamp=110), event(SEND, 290, 320, ready=200)]
    found = spent([ASKED, event(RECV, 330, 350, stamp=325)], served)
    expected = named(request=10, notify=90, queue=40, handler=50, send=30, reply=5, client=25) | {"recv": math.nan}
    assert found == pytest.approx(expected, nan_ok=True)


def test_conversations_are_cut_where_the_last_byte_is() -> None:
    first, second = event(RECV, 1, 2, 40), event(SEND, 3, 4, 40)
    third, fourth = event(RECV, 5, 6, 24), event(SEND, 7, 8, 24)
    other, unfinished = event(RECV, 2, 3, port=2), event(RECV, 9, 10)
    seen = [first, other, second, third, fourth, unfinished]
    assert conversations(seen, SEND, 64) == {1: [[first, second, third, fourth]], 2: []}
    received = {1: [[first, second, third], [fourth, unfinished]], 2: [[other]]}
    assert conversations(seen, RECV, 64) == received
    assert conversations([], RECV, 64) == {}
