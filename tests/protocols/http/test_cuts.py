"""A stream has no messages: the same bytes mean the same, however they are cut (RFC 9112, section 2.2)."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iomux.protocols.http import Request, application
from iomux.protocols.http.body import Chunked
from iomux.protocols.http.connection import MOST_AT_ONCE
from tests.protocols.http.said import NOW, connection, feed, get, read, said

ECHO = application(lambda request: f"{request.method} {request.target} ".encode() + request.body)
TWO = get("/a?b=c", "Accept: */*") + get("/d", "Cookie: e")
CHUNKS = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nhello\r\n10\r\n\r\n0\r\n\r\nGET / HTT\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n" + get("/b")
)
ODD = [b"\0", b"\r", b"\n", b"\r\n", b" ", b":", b"\t", b"\xff", b";", b"0", b"G", b"/", b"%", b"2", b""]
REFUSED = get("/a") + b"GET / HTTP/1.1\r\nHost : x\r\n\r\n" + get("/never")


@pytest.mark.parametrize("data", [TWO, CHUNKS, REFUSED, b"\r\n" + TWO, CHUNKS + CHUNKS])
def test_a_cut_at_any_byte_changes_nothing(data: bytes) -> None:
    whole = said(ECHO, data)
    for at in range(1, len(data)):
        assert said(ECHO, data[:at], data[at:]) == whole, f"cut at {at}"


@pytest.mark.parametrize("data", [TWO, CHUNKS, REFUSED])
def test_byte_by_byte_changes_nothing(data: bytes) -> None:
    assert said(ECHO, *(data[at : at + 1] for at in range(len(data)))) == said(ECHO, data)


def test_what_was_cut_was_understood() -> None:
    assert [answer.body for answer in read(said(ECHO, TWO))] == [b"GET /a?b=c ", b"GET /d "]
    assert [answer.body for answer in read(said(ECHO, CHUNKS))] == [b"POST /a hello\r\n0\r\n\r\nGET / HTT", b"GET /b "]
    assert [answer.status for answer in read(said(ECHO, REFUSED))] == [200, 400]


@st.composite
def in_chunks(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A body, and the same in chunks as another program might write them."""
    parts = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
    size = draw(st.sampled_from(["{:x}", "{:X}", "{:04x}"]))
    extension = draw(st.sampled_from(["", ";a", ";a=b", ' ; a="b;c\\""']))
    trailers = draw(st.sampled_from(["", "A: b\r\n", "A: b\r\nC:\r\n"]))
    lines = (f"{size.format(len(part))}{extension}\r\n".encode() + part + b"\r\n" for part in parts)
    return b"".join(parts), b"".join(lines) + f"0{extension}\r\n{trailers}\r\n".encode()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(body=in_chunks(), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_chunks_are_read_as_they_were_written(body: tuple[bytes, bytes], cuts: list[int]) -> None:
    content, written = body
    chunks, kept, rest = Chunked(most=1000), b"", written + b"GET"
    for piece in [*_cut(rest, sorted(cuts))]:
        kept += piece
        kept = kept[chunks.take(kept, 0) :]
    assert chunks.done
    assert chunks.content() == content
    assert kept == b"GET"


def _cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    for begin, end in zip([0, *places], [*places, len(data)], strict=True):
        if data[begin:end]:
            yield data[begin:end]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=30), max_size=8))
def test_an_iterators_bytes_come_back(parts: list[bytes]) -> None:
    answer = read(said(application(lambda request: iter(parts)), get()))
    assert answer[0].body == b"".join(parts)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    data=st.sampled_from([TWO, CHUNKS, CHUNKS + TWO, b"\r\n" + REFUSED]),
    changes=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2), st.sampled_from(ODD)), min_size=1, max_size=3),
    cuts=st.lists(st.integers(0, 400), max_size=4),
)
def test_what_is_spoilt_is_refused_the_same_way_however_it_is_cut(
    data: bytes, changes: list[tuple[int, int, bytes]], cuts: list[int]
) -> None:
    for at, left_out, put_in in changes:
        data = data[:at] + put_in + data[at + left_out :]
    whole = said(ECHO, data)
    assert all(answer.status in (200, 400, 413, 431, 501, 505) for answer in read(whole))
    assert said(ECHO, *_cut(data, sorted(cuts))) == whole


def test_thousands_of_requests_in_one_read_are_answered_in_order_and_a_few_at_a_time() -> None:
    client = connection(ECHO)
    replies = client.feed(b"".join(get(f"/{n}") for n in range(2000)), NOW)
    assert not isinstance(replies, bytes)
    sizes = [read(piece) for piece in replies]
    assert max(map(len, sizes)) <= MOST_AT_ONCE
    assert [answer.body for piece in sizes for answer in piece] == [f"GET /{n} ".encode() for n in range(2000)]
    assert client.idle


def test_a_request_is_given_only_when_it_is_complete() -> None:
    seen: list[Request] = []
    client = connection(application(lambda request: seen.append(request) or b""))  # type: ignore[func-returns-value]
    feed(client, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
    assert seen == []
    feed(client, b"b")
    assert [request.body for request in seen] == [b"ab"]
