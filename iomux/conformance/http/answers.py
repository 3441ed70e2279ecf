"""One answer of a web server: its bytes read as RFC 9112 writes them, strictly, since a server has to send it so.

What is wrong with the bytes is told by `Malformed`, with what was due and what came; who asked, and what follows from
it, is the visitor's affair (`visitor`). No I/O is done here: bytes come from a `More`, which appends to a buffer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

More = Callable[[], bool]
"""Appends what has arrived to the buffer; False when nothing more will come."""
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] [1-5][0-9][0-9] [^\r\n\0]*")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_MOST_HEAD = 1 << 18


class Malformed(Exception):
    """The bytes are no answer: what is wrong, what was due there, and what came."""

    def __init__(self, why: str, due: bytes = b"", came: bytes = b"") -> None:
        super().__init__(why)
        self.why, self.due, self.came = why, due, came


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    version: str
    fields: dict[str, list[str]]
    """The values of each field, by its name in small letters."""
    length: int | None
    """What its Content-Length says, also where no body follows: in the answer to a HEAD."""
    body: bytes
    to_the_end: bool
    """Whether only the end of the connection has ended the body."""

    def field(self, name: str) -> str:
        """The values of a field in one line; empty if it is not there."""
        return ", ".join(self.fields.get(name, []))

    @property
    def options(self) -> list[str]:
        """The options of its Connection, in small letters."""
        return [one.strip() for one in self.field("connection").lower().split(",")]

    @property
    def says_last(self) -> bool:
        """Whether it says that the connection ends behind it (RFC 9112, section 9.3)."""
        kept = self.version != "1.0" or "keep-alive" in self.options
        return "close" in self.options or not kept

    @property
    def last(self) -> bool:
        """Whether the connection ends behind it: it says so, or only the end has ended it."""
        return self.to_the_end or self.says_last


def read_answer(buffer: bytearray, more: More, method: str) -> Answer | None:
    """Take one final answer off the buffer, behind the interim ones; None if nothing came. Raises Malformed."""
    while (answer := read_one(buffer, more, method)) is not None and answer.status < 200:
        pass
    return answer


def read_one(buffer: bytearray, more: More, method: str) -> Answer | None:
    """Take one answer off the buffer, also an interim one (1xx); None if nothing came. Raises Malformed."""
    head = _head(buffer, more)
    if head is None:
        return None
    lines = head.split(b"\r\n")
    status = int(lines[0][9:12])
    fields: dict[str, list[str]] = {}
    for line in lines[1:]:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Malformed("a line of its head is no field (name, colon, value)", b"Name: value", line)
        fields.setdefault(field[1].decode().lower(), []).append(field[2].decode("latin-1"))
    length, body, to_the_end = _length(fields), b"", False
    if method != "HEAD" and status >= 200 and status not in (204, 304):
        body, to_the_end = _body(fields, length, buffer, more)
    return Answer(status, lines[0][5:8].decode(), fields, length, body, to_the_end)


def _head(buffer: bytearray, more: More) -> bytes | None:
    checked = False
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        if not checked and b"\n" in buffer:
            _check_status_line(bytes(buffer[: buffer.find(b"\n") + 1]))
            checked = True
        if len(buffer) > _MOST_HEAD:
            raise Malformed("its head does not end")
        if not more():
            if not buffer:
                return None
            bare = b"\n\n" in buffer
            raise Malformed(
                "the lines of its head end in LF alone" if bare else "its head has no end",
                bytes(buffer).replace(b"\n", b"\r\n") if bare else bytes(buffer) + b"\r\n\r\n",
                bytes(buffer),
            )
    head = bytes(buffer[:end])
    _check_status_line(head.partition(b"\r\n")[0] + b"\r\n")
    del buffer[: end + 4]
    return head


def _check_status_line(line: bytes) -> None:
    if not line.endswith(b"\r\n") and _STATUS_LINE.fullmatch(line.rstrip(b"\n")):
        raise Malformed("its status line ends in LF alone", line[:-1] + b"\r\n", line)
    if not _STATUS_LINE.fullmatch(line.rstrip(b"\r\n")):
        raise Malformed("it does not begin with a status line", b"HTTP/1.1 200 OK\r\n", line)


def _length(fields: dict[str, list[str]]) -> int | None:
    lengths = {value for line in fields.get("content-length", []) for value in re.split(r"[ \t]*,[ \t]*", line)}
    if not lengths:
        return None
    if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", length := lengths.pop()):
        raise Malformed("its Content-Length is no number of bytes")
    return int(length)


def _body(fields: dict[str, list[str]], length: int | None, buffer: bytearray, more: More) -> tuple[bytes, bool]:
    if "transfer-encoding" in fields:
        if length is not None:
            raise Malformed("it has both Content-Length and Transfer-Encoding")
        return _chunked(buffer, more), False
    if length is None:
        while more():
            pass
        return _take(buffer, len(buffer)), True
    return _exactly(length, buffer, more, "it ends before the length that its Content-Length says"), False


def _chunked(buffer: bytearray, more: More) -> bytes:
    body = bytearray()
    while True:
        line = _line(buffer, more)
        size = line.partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
            raise Malformed("a chunk of its body does not begin with a size", b"5\r\n", line + b"\r\n")
        if not int(size, 16):
            break
        body += _exactly(int(size, 16), buffer, more, "it ends within a chunk")
        if (after := _exactly(2, buffer, more, "it ends within a chunk")) != b"\r\n":
            raise Malformed("a chunk of its body does not end where its size says", b"\r\n", after)
    while _line(buffer, more):
        pass
    return bytes(body)


def _line(buffer: bytearray, more: More) -> bytes:
    while (end := buffer.find(b"\r\n")) < 0:
        if not more():
            raise Malformed("it ends within its chunked body", bytes(buffer) + b"\r\n", bytes(buffer))
    return _take(buffer, end + 2)[:-2]


def _exactly(count: int, buffer: bytearray, more: More, why: str) -> bytes:
    while len(buffer) < count:
        if not more():
            raise Malformed(why)
    return _take(buffer, count)


def _take(buffer: bytearray, count: int) -> bytes:
    taken = bytes(buffer[:count])
    del buffer[:count]
    return taken
