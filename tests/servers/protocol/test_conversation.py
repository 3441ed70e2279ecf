"""One client's conversation without a socket: when to read, when to send, how it ends; on a clock of the test's."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from iomux.servers.protocol import AT_ONCE, Limits, Replies, Say
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.interest import OVER, READ, WRITE

LIMITS = Limits(turn_replies=4, said_bytes=10, stall_seconds=5, linger_seconds=2, linger_bytes=100)


class Recorder:
    """A protocol object whose replies are given, and which notes what it is told."""

    def __init__(self, replies: dict[bytes, Any]) -> None:
        self.over, self.bye, self.due, self.idle = 0, 1, math.inf, True
        self.replies, self.fed, self.gone_times = replies, list[bytes](), 0
        self.say: Say = lambda data: None

    def feed(self, data: bytes, now: float) -> Replies:
        self.fed.append(data)
        self.over = self.bye if data == b"bye" else 0
        reply: Any = self.replies.get(data, b"")
        answer: Replies = reply() if callable(reply) else reply
        return answer

    def late(self, now: float) -> Replies:
        self.over = True
        return b"late"

    def gone(self) -> None:
        self.gone_times += 1


class Told:
    """A conversation with a `Recorder`, and what its carrier was told."""

    def __init__(self, replies: dict[bytes, Any] | None = None, due: float = math.inf) -> None:
        self.protocol, self.shut, self.woken = Recorder(replies or {}), 0, 0
        self.protocol.due = due
        self.talk = Conversation(self._made, 0.0, self._shut, self._wake, LIMITS)

    def _made(self, now: float, say: Say) -> Recorder:
        self.protocol.say = say
        return self.protocol

    def _shut(self) -> None:
        self.shut += 1

    def _wake(self) -> None:
        self.woken += 1

    def sent(self, piece: bytes | memoryview, now: float = 0.0) -> bytes:
        self.talk.sent(len(piece), now)
        return bytes(piece)


def test_a_reply_in_one_piece_is_sent_at_once() -> None:
    told = Told({b"a": b"A"})
    assert told.sent(told.talk.received(b"a", 0)) == b"A"
    assert told.talk.interest == READ


def test_what_was_not_sent_is_owed() -> None:
    told = Told({b"a": b"ABC"})
    told.talk.received(b"a", 0)
    told.talk.sent(1, 0)
    assert told.talk.interest == READ | WRITE
    assert told.sent(told.talk.take(0)) == b"BC"
    assert told.talk.interest == READ


def counted(taken: list[int], closed: list[bool], most: int) -> Callable[[], Iterator[bytes]]:
    def replies() -> Iterator[bytes]:
        try:
            for number in range(most):
                taken.append(number)
                yield b"x"
        finally:
            closed.append(True)

    return replies


def test_replies_are_taken_by_the_turn_and_nothing_is_read_meanwhile() -> None:
    taken: list[int] = []
    told = Told({b"a": counted(taken, [], 6)})
    assert told.sent(told.talk.received(b"a", 0)) == b"xxxx"
    assert taken == [0, 1, 2, 3]
    assert told.talk.interest == WRITE  # though nothing is owed
    assert told.sent(told.talk.take(0)) == b"xx"
    assert told.talk.interest == READ


def test_no_reply_is_taken_while_one_is_owed() -> None:
    taken: list[int] = []
    told = Told({b"a": counted(taken, [], 100)})
    told.talk.received(b"a", 0)
    for _ in range(3):
        told.talk.take(0)
    assert taken == [0, 1, 2, 3]


def test_replies_that_are_left_are_closed_and_gone_is_called_once() -> None:
    closed: list[bool] = []
    told = Told({b"a": counted([], closed, 100)})
    told.talk.received(b"a", 0)
    told.talk.close()
    told.talk.close()
    assert (closed, told.protocol.gone_times, told.talk.interest) == ([True], 1, OVER)


def test_what_is_over_ends_in_stages() -> None:
    told = Told({b"bye": b"BYE"})
    piece = told.talk.received(b"bye", 0)
    assert (told.shut, told.talk.interest) == (0, WRITE)
    told.sent(piece, now=1)
    assert (told.shut, told.talk.interest, told.talk.due) == (1, READ, 3)
    told.talk.received(b"more", 1)
    assert told.protocol.fed == [b"bye"]
    told.talk.received(b"", 1)
    assert told.talk.interest == OVER


@pytest.mark.parametrize("end", ["late", "too much"])
def test_the_goodbye_is_bounded(end: str) -> None:
    told = Told({b"bye": b""})
    told.talk.received(b"bye", 0)
    assert told.shut == 1
    told.talk.late(2) if end == "late" else told.talk.received(bytes(101), 0)
    assert (told.talk.interest, told.talk.stalled) == (OVER, False), "all that it is owed is on its way"


def test_after_the_clients_end_what_is_owed_is_sent_and_then_it_is_closed() -> None:
    told = Told({b"": b"last"})
    piece = told.talk.received(b"", 0)
    assert told.talk.interest == WRITE
    assert told.sent(piece) == b"last"
    assert (told.talk.interest, told.shut, told.protocol.fed) == (OVER, 0, [b""])


def test_a_client_that_takes_nothing_is_dropped_and_one_that_takes_little_is_not() -> None:
    told = Told({b"a": b"ABC"})
    told.talk.received(b"a", 0)
    told.talk.sent(0, 0)
    assert told.talk.due == 5
    told.talk.sent(1, 4)
    assert told.talk.due == 9
    told.talk.late(9)
    assert (told.talk.interest, told.talk.stalled) == (OVER, True)


def test_a_server_that_is_late_itself_does_not_drop_a_client_that_took_all_so_far() -> None:
    told = Told({b"a": counted([], [], 5)})
    heard = told.sent(told.talk.received(b"a", 0))
    assert told.talk.interest == WRITE
    heard += told.sent(told.talk.late(told.talk.due))
    while told.talk.interest == WRITE:
        heard += told.sent(told.talk.take(9))
    assert (heard, told.talk.interest) == (b"xxxxx", READ)


def test_a_client_that_took_all_and_is_never_ready_again_is_dropped_the_second_time() -> None:
    """The kernel calls a socket writable only when a third of its buffer is free (`sk_stream_is_writeable`)."""
    told = Told({b"a": counted([], [], 50)})
    told.sent(told.talk.received(b"a", 0))
    assert (told.talk.late(5), told.talk.interest, told.talk.due) == (b"", WRITE, 10), "it is not tried"
    told.sent(told.talk.take(9), now=9)  # it was the server that was late
    assert (told.talk.late(14), told.talk.interest) == (b"", WRITE)
    assert (told.talk.late(19), told.talk.interest, told.talk.stalled) == (b"", OVER, True)


def test_those_who_part_in_agreement_are_not_waited_for() -> None:
    told = Told({b"bye": b"bye"})
    told.protocol.bye = AT_ONCE
    piece = told.talk.received(b"bye", 0)
    assert told.talk.interest == WRITE, "what is owed is sent first"
    told.sent(piece)
    assert (told.talk.interest, told.shut) == (OVER, 0)


def test_a_protocols_clock_stands_while_its_client_takes_replies() -> None:
    told = Told({b"a": b"ABC"}, due=10)
    told.talk.received(b"a", 0)
    told.talk.sent(1, 0)
    told.talk.sent(2, 4)
    assert told.talk.due == 14
    assert bytes(told.talk.late(14)) == b"late"


def test_what_is_said_comes_behind_the_replies_that_are_left() -> None:
    told = Told({b"a": counted([], [], 5)})
    piece = told.talk.received(b"a", 0)
    told.protocol.say(b"!")
    assert told.sent(piece) + told.sent(told.talk.take(0)) == b"xxxxx!"
    assert told.woken == 0  # it had its turn to come


def test_what_is_said_to_a_client_that_waits_wakes_its_carrier() -> None:
    told = Told()
    told.protocol.say(b"!")
    assert (told.woken, told.talk.interest) == (1, READ | WRITE)
    assert told.sent(told.talk.take(0)) == b"!"
    assert told.talk.interest == READ


def test_a_client_that_does_not_read_what_is_said_is_dropped() -> None:
    told = Told()
    for _ in range(11):
        told.protocol.say(b"!")
    assert told.talk.interest == READ | WRITE
    told.protocol.say(b"!")
    assert (told.talk.interest, told.talk.stalled) == (OVER, True)
    told.protocol.say(b"!")
    assert told.woken == 12


@pytest.mark.parametrize("wrong", [lambda: 1 / 0, lambda: iter([b"x", "text"]), lambda: None])
def test_an_error_of_a_protocol_is_logged_and_ends_its_client(wrong: Any, capfd: pytest.CaptureFixture[str]) -> None:
    told = Told({b"a": wrong})
    told.talk.received(b"a", 0)
    assert told.talk.interest == OVER
    assert "Error" in capfd.readouterr().err
