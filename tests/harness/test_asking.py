"""Load on servers that are no echo: what is asked over HTTP and RESP, and which replies count."""

import re
from collections.abc import Callable

import pytest

import iomux
from iomux.harness.load.asking import Asking, http, resp
from iomux.harness.load.clients import Lost
from iomux.harness.load.result import LoadResult

OK = b"HTTP/1.1 200 OK\r\nDate: %d\r\ncontent-length: 5\r\n\r\nhello"
PAIR = b"*2\r\n$5\r\nhello\r\n:7\r\n"


def loaded(reply: Callable[[bytes], bytes], protocol: Asking) -> LoadResult:
    with iomux.start("poll", handler=reply) as server:
        return iomux.load(server, connections=3, duration=0.1, warmup=0.02, deadline=1, protocol=protocol)


def taken(protocol: Asking, *pieces: bytes) -> list[bool]:
    take = protocol.taker()
    return [take(piece) for piece in pieces]


@pytest.mark.parametrize(
    ("protocol", "reply"),
    [
        (http("/x"), lambda data: OK % 1 * data.count(b"GET /x HTTP/1.1\r\n")),
        (http("/x", ["Accept: */*"], depth=16), lambda data: OK % 1 * data.count(b"Accept: */*\r\n")),
        (resp("GET", "k"), lambda data: b"$-1\r\n" * data.count(b"GET")),
        (resp("LRANGE", b"k", "0", "-1", depth=16), lambda data: PAIR * data.count(b"LRANGE")),
    ],
    ids=["HTTP", "HTTP, pipelined", "RESP", "RESP, pipelined"],
)
def test_right_replies_count(protocol: Asking, reply: Callable[[bytes], bytes]) -> None:
    seen = loaded(reply, protocol)
    assert seen.errors == {}
    assert seen.unserved == 0
    assert seen.requests > 0
    assert seen.size_bytes == len(protocol.request)
    assert protocol.caption() in seen.setting()
    assert ("16 pipelined" in seen.asked) is (protocol.depth == 16)


@pytest.mark.parametrize(
    ("protocol", "reply", "kind"),
    [
        (http(), b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 500 No"),
        (http(), b"HTTP/1.1 200 OK\r\n\r\nhello", "a reply without Content-Length"),
        (http(), OK % 1 * 2, "bytes without a request"),
        (resp("GET", "k"), b"-ERR no\r\n", "ERR no"),
        (resp("GET", "k"), b"hello", "no reply of RESP"),
        (resp("GET", "k", depth=2), b":1\r\n" * 3, "bytes without a request"),
    ],
)
def test_a_wrong_reply_ends_its_client_and_is_told(protocol: Asking, reply: bytes, kind: str) -> None:
    seen = loaded(lambda _: reply, protocol)
    assert seen.errors == {kind: 3}
    assert seen.requests == 0


@pytest.mark.parametrize(
    ("protocol", "first", "other"),
    [(http(), OK % 1, (OK % 2).replace(b"hello", b"HELLO")), (resp("GET", "k"), b"$1\r\na\r\n", b"$1\r\nb\r\n")],
)
def test_a_reply_that_differs_from_the_first_one_is_wrong(protocol: Asking, first: bytes, other: bytes) -> None:
    with pytest.raises(Lost, match="wrong reply"):
        taken(protocol, first, first, other)


def test_another_date_is_no_difference() -> None:
    assert taken(http(), OK % 1, OK % 2, OK % 2) == [True, True, True]


@pytest.mark.parametrize(
    ("protocol", "reply"), [(http(), OK % 1), (http(depth=2), OK % 1 * 2), (resp("x"), PAIR), (resp("x"), b"+OK\r\n")]
)
def test_a_reply_is_complete_at_its_last_byte_wherever_it_is_cut(protocol: Asking, reply: bytes) -> None:
    pieces = [reply[place : place + 1] for place in range(len(reply))]
    assert taken(protocol, *pieces) == [False] * (len(reply) - 1) + [True]
    for cut in range(1, len(reply)):
        assert taken(protocol, reply[:cut], reply[cut:], reply) == [False, True, True]


def test_the_end_of_the_stream_is_told() -> None:
    with pytest.raises(Lost, match="closed by the server"):
        taken(http(), b"")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: http("x"), "begins with /"),
        (lambda: http("/a b"), "begins with /"),
        (lambda: http("/", ["A: b\r\nC: d"]), "one line each"),
        (lambda: http(depth=0), "depth is 0: give a whole number from 1"),
        (lambda: resp("GET", "k", depth=1.5), "depth is 1.5"),  # type: ignore[arg-type]
        (lambda: resp(), "no command was given: write it as resp('GET', 'key')"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_sentence(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()
