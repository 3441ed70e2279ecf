"""An answer, and its way into bytes: the head, and the body at once, counted or in chunks.

How a body's end is told is the connection's business, not the handler's (RFC 9112, section 6.3): a length if it is
known, chunks for an HTTP/1.1 client if it is not, and the connection's end for an HTTP/1.0 client. The answer to HEAD
has the same fields and no body; 204 and 304 have none either (RFC 9110, sections 9.3.2, 15.3.5, 15.4.5).
"""

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from iomux.protocols.http.grammar import TOKEN, VALUE
from iomux.servers.protocol.interest import log_error

_STATUS_LINES = {int(status): b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode("ascii")) for status in HTTPStatus}
_FIELD = re.compile(rb"(" + TOKEN + rb"+): " + VALUE)
_FRAMING = {b"connection", b"content-length", b"date", b"transfer-encoding"}
_OK = b"HTTP/1.1 200 OK\r\n"
_CLOSE = b"Connection: close\r\n"
_KEEP_OLD = b"Connection: keep-alive\r\n"
_WITHOUT_BODY = {204, 304}
_MOST_STATUS = 599
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"


@dataclass(frozen=True)
class Response:
    """What a handler answers, if more is to be said than the bytes of a body.

    body: bytes, or an iterator of bytes, taken lazily: then it goes in chunks, and is closed if the client leaves. The
    fields that frame the message (Content-Length, Transfer-Encoding, Connection, Date) are the connection's.

    Example:
    >>> from iomux.protocols.http import Response
    >>> Response(b"gone", status=410, fields=[("Retry-After", "60")]).status
    410
    """

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    """The status code, 200 to 599 (RFC 9110, section 15)."""
    media_type: str = "text/plain; charset=utf-8"
    """What the body is (RFC 9110, section 8.3); empty: not said."""
    fields: Iterable[tuple[str, str]] = ()
    """Further fields, name and value; encoded as ISO 8859-1."""


Answer = tuple[int, bytes, bytes | Iterator[bytes], int | None]
"""An answer that is ready for the connection: the status; the fields' lines, each with its end, valid; the body; and
its length in bytes, None if only its end will tell. A plain tuple is taken apart in a quarter of a named one's time."""


def text(status: int, sentence: str, fields: bytes = b"") -> Answer:
    """An answer whose body is its status and one sentence."""
    phrase = _STATUS_LINES[status][9:-2]
    body = b"%b: %b\n" % (phrase, sentence.encode("utf-8", "backslashreplace"))
    return status, TEXT + fields, body, len(body)


def ready(response: Response) -> Answer:
    """The answer that a response makes. Raises ValueError for a field or a status that cannot be sent."""
    if not 200 <= response.status <= _MOST_STATUS:
        raise ValueError(f"{response.status} is the status of no final answer")
    named = [("Content-Type", response.media_type)] if response.media_type else []
    lines = [f"{name}: {value}".encode("latin-1") for name, value in (*named, *response.fields)]
    for line in lines:
        found = _FIELD.fullmatch(line)
        if not found or found[1].lower() in _FRAMING:
            raise ValueError(f"{line!r} is no field that an answer may have")
    body = response.body
    if isinstance(body, str):
        raise TypeError("a body is bytes, or an iterator of bytes, and no str")
    if not isinstance(body, bytes):
        body = bytes(body) if isinstance(body, bytearray | memoryview) else iter(body)
    length = len(body) if isinstance(body, bytes) else None
    return response.status, b"".join(line + b"\r\n" for line in lines), body, length


def begin(
    answer: Answer, method: str, version: str, keep: bool, date: bytes
) -> tuple[bytes, Iterator[bytes] | None, bool]:
    """The bytes that an answer begins with, what follows them if they are not all, and whether the connection stays.

    method, version: the request's. keep: whether the client wants it to stay. date: the line of that field.
    """
    status, fields, body, length = answer
    if status == 200 and type(body) is bytes and method != "HEAD" and version != "1.0":  # nearly always
        parts = (_OK, date, fields, b"" if keep else _CLOSE, _counted(len(body)), b"\r\n", body)
        return b"".join(parts), None, keep  # in half the time of a `%`
    old = version == "1.0"
    if old and length is None:  # only the connection's end can tell where the body ends
        keep = False
    connection = (_KEEP_OLD if old else b"") if keep else _CLOSE
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    if status in _WITHOUT_BODY:
        framing = b""
    elif length is not None:
        framing = _counted(length)
    else:
        framing = b"" if old else b"Transfer-Encoding: chunked\r\n"
    first = b"%b%b%b%b%b\r\n" % (line, date, fields, connection, framing)
    if method == "HEAD" or status in _WITHOUT_BODY:
        close(body)
        return first, None, keep
    if isinstance(body, bytes):
        return first + body, None, keep
    return first, body if old or length is not None else Chunks(body), keep


@functools.lru_cache(maxsize=1024)
def _counted(length: int) -> bytes:
    return b"Content-Length: %d\r\n" % length


class Chunks:
    """An iterator's bytes as chunks, with the last chunk behind them (RFC 9112, section 7.1)."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        for part in self._parts:
            if part:  # an empty chunk would be the last one
                return b"%x\r\n%b\r\n" % (len(part), part)
        self._ended = True
        return b"0\r\n\r\n"

    def close(self) -> None:
        """Close the iterator."""
        close(self._parts)


def close(parts: object) -> None:
    """Close an iterator that can be closed; what its cleaning up raises is logged, and not the client's business."""
    try:
        getattr(parts, "close", lambda: None)()
    except Exception:
        log_error()
