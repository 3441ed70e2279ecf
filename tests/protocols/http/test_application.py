"""What a handler may answer, and what becomes of a wrong one."""

from collections.abc import Iterator

import pytest

from iomux.protocols.http import Request, Response, application
from tests.protocols.http.said import NOW, connection, get, read, said


def test_bytes_are_a_page() -> None:
    [answer] = read(said(application(lambda request: b"page"), get()))
    assert (answer.status, answer.body, answer.fields["content-type"]) == (200, b"page", "text/plain; charset=utf-8")


def test_a_response_says_more() -> None:
    response = Response(b"{}", 201, "application/json", [("Location", "/a"), ("X-Name", "é")])
    [answer] = read(said(application(lambda request: response), get()))
    assert (answer.status, answer.body) == (201, b"{}")
    assert {"content-type": "application/json", "location": "/a", "x-name": "é"}.items() <= answer.fields.items()


def test_an_iterator_is_taken_lazily_and_closed() -> None:
    taken: list[int] = []
    closed: list[bool] = []

    def numbers() -> Iterator[bytes]:
        try:
            for number in range(10):
                taken.append(number)
                yield str(number).encode()
        finally:
            closed.append(True)

    client = connection(application(lambda request: numbers()))
    replies = client.feed(get() + get(), NOW)
    assert not isinstance(replies, bytes)
    next(replies)
    assert taken == []
    assert (next(replies), taken) == (b"1\r\n0\r\n", [0])
    replies.close()  # type: ignore[attr-defined]
    client.gone()
    assert (taken, closed) == ([0], [True])


def test_an_iterator_that_was_never_begun_is_closed_too() -> None:
    class Numbers:
        closed = 0

        def __iter__(self) -> "Numbers":
            return self

        def __next__(self) -> bytes:
            return b"x"

        def close(self) -> None:
            self.closed += 1

    numbers = Numbers()
    client = connection(application(lambda request: Response(numbers)))
    client.feed(get(), NOW)
    client.gone()
    assert numbers.closed == 1
    said(application(lambda request: Response(numbers)), get(method="HEAD"))
    assert numbers.closed == 2


def test_head_has_the_same_fields_and_no_body() -> None:
    app = application(lambda request: b"page")
    heads = read(said(app, get(method="HEAD") + get()), heads=[0])
    assert heads[0].fields == heads[1].fields
    assert [answer.body for answer in heads] == [b"", b"page"]


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body_at_all(status: int) -> None:
    [answer, _] = read(said(application(lambda request: Response(b"ignored", status)), get() + get()))
    assert "content-length" not in answer.fields


def broken(request: Request) -> bytes:
    raise RuntimeError("the handler's own")


def broken_later() -> Iterator[bytes]:
    yield b"a"
    raise RuntimeError("in the middle")


@pytest.mark.parametrize(
    "handler",
    [
        broken,
        lambda request: None,
        lambda request: "text",
        lambda request: 5,
        lambda request: Response("text"),  # type: ignore[arg-type]
        lambda request: Response(b"", 99),
        lambda request: Response(b"", 101),
        lambda request: Response(b"", fields=[("X", "a\r\nSet-Cookie: b")]),
        lambda request: Response(b"", fields=[("X\r\nY", "a")]),
        lambda request: Response(b"", fields=[("Content-Length", "5")]),
        lambda request: Response(b"", fields=[("X", "☃")]),
    ],
)
def test_a_handlers_error_is_500_and_the_connection_stays(handler: object, capsys: pytest.CaptureFixture[str]) -> None:
    answers = read(said(application(handler), get() + get()))  # type: ignore[arg-type]
    assert [answer.status for answer in answers] == [500, 500]
    assert "Error" in capsys.readouterr().err


def test_an_error_in_the_middle_ends_the_connection_short(capsys: pytest.CaptureFixture[str]) -> None:
    client = connection(application(lambda request: broken_later()))
    replies = client.feed(get() + get(), NOW)
    assert not isinstance(replies, bytes)
    assert b"".join(replies).endswith(b"1\r\na\r\n")
    assert client.over
    assert "in the middle" in capsys.readouterr().err


def test_other_methods_are_refused_with_those_that_there_are() -> None:
    app = application(lambda request: b"page", methods=("GET", "PURGE"))
    answers = read(said(app, get(method="PURGE") + get(method="PUT") + get("*", method="OPTIONS") + get(method="FROB")))
    assert [answer.status for answer in answers] == [200, 405, 200, 501]
    assert answers[1].fields["allow"] == answers[2].fields["allow"] == "GET, PURGE"
