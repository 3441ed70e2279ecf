"""When a connection ends, and until when it waits: time is passed in, so nothing here takes any."""

import pytest

from iomux.protocols.http import Limits, Request, Response, application
from iomux.servers.protocol import AT_ONCE, NEVER
from tests.protocols.http.said import NOW, connection, feed, get, read, said

LIMITS = Limits(head_bytes=9000, body_bytes=100, idle_seconds=60, head_seconds=20, body_seconds=30)
APP = application(lambda request: request.body or b"page", limits=LIMITS)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


def test_one_who_says_nothing_is_let_go_without_a_word() -> None:
    client = connection(APP)
    assert (client.due, client.idle) == (NOW + 60, True)
    assert client.late(NOW + 60) == b""
    assert (client.over, client.due) == (True, NEVER)


def test_the_idle_time_begins_anew_with_each_request() -> None:
    client = connection(APP)
    for moment in (NOW + 50, NOW + 100):
        feed(client, get(), moment)
        assert (client.due, client.idle, client.over) == (moment + 60, True, False)


def test_a_heads_time_counts_from_its_first_byte() -> None:
    client = connection(APP)
    for seconds, byte in enumerate(get()[:10]):
        feed(client, bytes([byte]), NOW + 30 + seconds)
        assert (client.due, client.idle) == (NOW + 50, False)
    [answer] = read(feed_late(client, NOW + 50))
    assert (answer.status, answer.fields["connection"], client.over) == (408, "close", True)


def feed_late(client: object, now: float) -> bytes:
    replies = client.late(now)  # type: ignore[attr-defined]
    assert isinstance(replies, bytes)
    return replies


def test_the_next_heads_time_counts_from_its_own_first_byte() -> None:
    client = connection(APP)
    feed(client, get() + b"GET", NOW + 1)
    assert client.due == NOW + 21
    feed(client, get()[3:] + b"GET", NOW + 11)
    assert client.due == NOW + 31


def test_a_bodys_time_counts_from_its_beginning() -> None:
    client = connection(APP)
    feed(client, POST, NOW + 5)
    for seconds in range(4):
        feed(client, b"x", NOW + 10 + seconds)
        assert (client.due, client.idle) == (NOW + 35, False)
    assert [answer.status for answer in read(feed_late(client, NOW + 35))] == [408]


def test_the_end_in_the_middle_is_the_end() -> None:
    for begun in (b"", b"GET / HT", get()[:-1], POST + b"hel"):
        client = connection(APP)
        feed(client, begun)
        assert feed(client, b"") == b""
        assert (client.over, client.due) == (True, NEVER)


def test_nothing_is_answered_once_it_is_over() -> None:
    client = connection(APP)
    assert [answer.status for answer in read(feed(client, b"GET / HTTP/1.1\r\n\r\n" + get()))] == [400]
    assert feed(client, get()) == b""
    assert feed(client, b"") == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/" + "a" * 8000), 414),
        (get("/", "Cookie: " + "c" * 9000), 431),
        (get("/", *("A: b" for _ in range(101))), 431),
        (POST.replace(b"5", b"101"), 413),
        (POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"65\r\n", 413),
        (POST.replace(b"5\r\n", b"5\r\nExpect: more\r\n"), 417),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
    ],
)
def test_a_limit_has_its_status(request_: bytes, status: int) -> None:
    assert [answer.status for answer in read(said(APP, request_))] == [status]


@pytest.mark.parametrize("part", [b"A" * 10_000, b"GET /" + b"a" * 10_000, get()[:-2] + b"A: " + b"b" * 10_000])
def test_a_head_without_an_end_takes_bounded_memory(part: bytes) -> None:
    client = connection(APP)
    sent = 0
    while not client.over:
        assert sent < 20_000
        feed(client, part[sent : sent + 100] or b"x" * 100)
        sent += 100
    assert sent <= 9_100


def test_one_chunk_too_many_is_refused_before_it_comes() -> None:
    client = connection(APP)
    feed(client, POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"))
    assert feed(client, b"60\r\n" + b"x" * 96 + b"\r\n") == b""
    assert [answer.status for answer in read(feed(client, b"5\r\n"))] == [413]


def test_100_continue_comes_only_while_the_body_is_awaited() -> None:
    waiting = POST.replace(b"5\r\n", b"5\r\nExpect: 100-continue\r\n")
    client = connection(APP)
    assert feed(client, waiting) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert [answer.body for answer in read(feed(client, b"hello"))] == [b"hello"]
    assert [answer.status for answer in read(said(APP, waiting + b"hello"))] == [200]


def test_a_method_that_is_not_served_gets_no_100() -> None:
    only_get = application(lambda request: b"page", methods=("GET",))
    waiting = POST.replace(b"5\r\n", b"5\r\nExpect: 100-continue\r\n")
    client = connection(only_get)
    [answer] = read(feed(client, waiting))
    assert (answer.status, answer.fields["allow"], client.over) == (405, "GET", True)
    assert client.over is True, "the body may be under way"


ENDS = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ENDS_FIRST = b"GET / HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n"
ENDS_WITH_BODY = POST.replace(b"Content", b"Connection: close\r\nContent") + b"hello"


@pytest.mark.parametrize("whole", [ENDS, ENDS_FIRST, ENDS_WITH_BODY, b"GET / HTTP/1.0\r\n\r\n"])
def test_one_who_has_said_all_and_wants_the_end_is_not_waited_for(whole: bytes) -> None:
    client = connection(APP)
    [answer] = read(feed(client, whole))
    assert (answer.status, answer.fields["connection"], client.over) == (200, "close", AT_ONCE)


@pytest.mark.parametrize("more", [ENDS + b"GET", ENDS_FIRST + ENDS, ENDS_WITH_BODY + b"\r\n"])
def test_one_who_wants_the_end_and_says_more_is_waited_for(more: bytes) -> None:
    client = connection(APP)
    assert [answer.status for answer in read(feed(client, more))] == [200]
    assert client.over is True


def test_while_a_long_answer_is_sent_its_client_may_say_more() -> None:
    client = connection(application(lambda request: iter([b"a", b"b"])))
    assert feed(client, ENDS).endswith(b"0\r\n\r\n")
    assert client.over is True


def test_http_1_0_is_told_that_it_may_stay_and_only_if_a_length_is_known() -> None:
    old = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    [answer] = read(said(APP, old))
    assert answer.fields["connection"] == "keep-alive"
    client = connection(application(lambda request: iter([b"a", b"b"])))
    head, _, body = feed(client, old).partition(b"\r\n\r\n")
    assert (body, client.over) == (b"ab", True)
    assert b"Transfer-Encoding" not in head


def test_the_request_is_what_was_sent() -> None:
    seen: list[Request] = []

    def look(request: Request) -> Response:
        seen.append(request)
        return Response()

    said(application(look), get("http://other:8/a%20b?c=%20", "ACCEPT:\t x  ", "accept: y", method="PUT"))
    [request] = seen
    assert (request.method, request.target, request.version) == ("PUT", "/a%20b?c=%20", "1.1")
    assert (request.path, request.query) == ("/a b", "c=%20")
    assert request.fields == {"host": "other:8", "accept": "x, y"}


def test_limits_are_positive() -> None:
    with pytest.raises(ValueError, match="idle_seconds"):
        Limits(idle_seconds=0)
