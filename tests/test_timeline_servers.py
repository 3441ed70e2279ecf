"""`iomux.timeline` under servers as people write them: followed rightly, or refused with the reason."""

from collections.abc import Callable
from typing import Any

import pytest

import iomux
from iomux.harness import asking
from iomux.harness.asking import Question, Seen, ask
from iomux.harness.beside import beside
from iomux.harness.timeline_rows import to_frame
from tests.students import (
    Converse,
    as_a_file,
    by_descriptor,
    by_sendmsg,
    byte_by_byte,
    does_not_wait,
    forks,
    in_a_with_statement,
    into_a_buffer,
    served_by,
    sixteen_at_a_time,
    sleeps_long,
    with_flags,
    works_between_two_recvs,
    works_between_two_sends,
)
from tests.students_faults import answers_each_wrongly, hangs_after_150, wrong_to_every_second
from tests.test_timeline import OWN_WORK_US, assert_whole, follow


@pytest.mark.parametrize(
    ("converse", "recvs", "sends"),
    [
        (byte_by_byte, 1, 64),
        (sixteen_at_a_time, 4, 4),
        (into_a_buffer, 1, 1),
        (with_flags, 2, 1),
        (does_not_wait, None, 1),
        (by_sendmsg, 1, 1),
    ],
)
def test_ordinary_socket_code_is_followed(converse: Converse, recvs: int | None, sends: int) -> None:
    calls = follow(served_by(converse)).attrs["syscalls_per_request"]
    assert calls["send"] == pytest.approx(sends, abs=0.02 * sends)
    assert recvs is None or calls["recv"] == pytest.approx(recvs, abs=0.02 * recvs)


def test_a_listener_in_a_with_statement() -> None:
    follow(in_a_with_statement)


def test_more_calls_than_there_is_room_for_names_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "LEAST_EVENTS", 20_000)
    with pytest.raises(RuntimeError, match=r"calls for these requests.*follow fewer requests, or smaller ones"):
        iomux.timeline(served_by(byte_by_byte), requests=400, deadline=20)


def test_the_clients_room_is_an_error_of_one_line() -> None:
    def ask_with_little_room(question: Question, spin: bool) -> Seen:
        asking.MOST_EVENTS = 100  # a request has two calls at least, however its pieces are read
        return ask(question, spin)

    with iomux.start(served_by(byte_by_byte)) as running:
        question = Question(running.address, 1, 1, 64, 500, 20.0)
        seen = asked(question, ask_with_little_room)
    with pytest.raises(RuntimeError, match=r"^the client saw [0-9,]+ calls for these requests, and room for 100: .*"):
        to_frame(question, seen, b"")


@pytest.mark.parametrize("server", [served_by(as_a_file), served_by(by_descriptor), forks])
def test_bytes_that_go_past_the_traced_sockets_are_refused(server: Any) -> None:
    with pytest.raises(RuntimeError, match=r"past the sockets .* not traceable: use their recv"):
        iomux.timeline(server, requests=50, deadline=1)


def test_nobody_served_is_an_error_however_many_asked() -> None:
    with pytest.raises(RuntimeError, match=r"only 0 requests were answered.*wrong reply: 200"):
        iomux.timeline(answers_each_wrongly, connections=200, active=200, requests=50)


def test_a_wrong_reply_is_no_row() -> None:
    frame = iomux.timeline(wrong_to_every_second, connections=40, active=40, requests=400)
    assert frame.attrs["errors"] == {"wrong reply": 20}
    assert frame.attrs["unserved"] == 20
    assert len(frame) == 400
    assert_whole(frame)
    apart = (frame["total_us"] - frame["response_us"]).abs() / frame["response_us"]
    assert (apart <= 0.05).mean() >= 0.9, "each row has the stopwatch of its own request"


def test_a_run_cut_short_by_silence_says_so() -> None:
    frame = iomux.timeline(served_by(hangs_after_150), requests=200, deadline=0.5)
    assert 150 - asking.WARMUP <= len(frame) < 150, "less the warm-up: 50, or as many as a busy machine answers in 1 s"
    assert_whole(frame)
    assert frame.attrs["errors"] == {"no reply by the deadline": 1}
    assert frame.attrs["unserved"] == 0


def asked(question: Question, job: Callable[..., Seen] = ask) -> Seen:
    """What the timeline's client saw, in a process of its own as ever."""
    return beside(job, question, False, core=None, seconds=60, what="the client")


def test_a_run_cut_short_by_time_returns_what_there_is() -> None:
    with iomux.start(served_by(works_between_two_sends)) as running:
        seen = asked(Question(running.address, 1, 1, 64, 10_000, 2.0, seconds=0.5))
    answered = sum(map(len, seen.laps_ns.values()))
    assert 0 < seen.warmup < answered < 200
    assert seen.errors == {"not asked, the time was up": seen.warmup + 10_000 - answered}


def test_a_slow_server_is_not_warmed_up_for_ever() -> None:
    with iomux.start("blocking", handler=sleeps_long) as running:
        seen = asked(Question(running.address, 1, 1, 64, 2, 2.0))
    assert 1 <= seen.warmup < 20
    assert sum(map(len, seen.laps_ns.values())) == seen.warmup + 2


@pytest.mark.parametrize("converse", [works_between_two_sends, works_between_two_recvs])
def test_the_servers_own_work_is_in_the_handler_wherever_it_lies(converse: Converse) -> None:
    frame = follow(served_by(converse), requests=20)
    assert (frame["handler_us"] >= OWN_WORK_US).all()
    others = frame[["notify_us", "recv_us", "send_us"]]
    assert (others.quantile(0.1) < OWN_WORK_US / 2).all(), "some may be held up, the sleep is in none of them"
