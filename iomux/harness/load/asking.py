"""What the load generator says to a server that is no echo: HTTP and RESP, and when a reply to it is whole and right.

An echo's reply is known in advance. Here the first reply of the run is taken as the right one, if it is no error, and
every later one is compared with it: of an HTTP reply the status and the body (its Date changes), of a RESP reply all.
A reply that comes in one piece and is the same as the last one is one comparison; anything else is taken apart.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from iomux.harness.load.clients import Lost

Take = Callable[[bytes], bool]
"""Takes a piece of one client's reply; returns whether the reply is complete. Raises Lost if it is wrong."""

_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] 2\d\d ")
_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*(\d+)", re.IGNORECASE)
_KINDS = b"$*:+-_,#"
_COUNTED = re.compile(rb"([$*:+\-_,#])([^\r]*)\r\n")


class Asking(NamedTuple):
    """Requests that are sent together, and how their replies end. Made by `http` and `resp`."""

    request: bytes
    """The bytes of them all."""
    depth: int
    """How many requests these are: pipelined, if more than one."""
    name: str
    """What is asked, for captions."""
    end: Callable[[bytes, int], int]
    """Where the reply ends that starts at an index; 0 if more bytes are needed. Raises Lost for an error."""
    same: Callable[[bytes], bytes]
    """The part of a reply that is the same each time."""

    def caption(self) -> str:
        """What is asked, and how many of it at once."""
        return self.name + (f", {self.depth} pipelined" if self.depth > 1 else "")

    def taker(self) -> Take:
        """What takes the pieces of one client's replies."""
        got, last, right, needed = bytearray(), b"", list[bytes](), 0

        def take(data: bytes) -> bool:
            nonlocal last, needed
            if not data:
                raise Lost("closed by the server")
            if not got and data == last:
                return True
            got.extend(data)
            if len(got) < needed:
                return False
            replies, needed = self._split(bytes(got))
            if not replies:
                return False
            last = bytes(got)
            got.clear()
            right[:] = right or [self.same(reply) for reply in replies]
            if [self.same(reply) for reply in replies] != right:
                raise Lost("wrong reply")
            return True

        return take

    def _split(self, got: bytes) -> tuple[list[bytes], int]:
        """The replies that were received; none while one is incomplete, and how many bytes are needed at least."""
        replies, start = [], 0
        for _ in range(self.depth):
            stop = self.end(got, start)
            if not stop or stop > len(got):
                return [], stop
            replies.append(got[start:stop])
            start = stop
        if start != len(got):
            raise Lost("bytes without a request")
        return replies, 0


def http(path: str = "/", fields: Sequence[str] = (), depth: int = 1) -> Asking:
    """Ask for `path` by GET (RFC 9112), on connections that are kept; a reply must have a status of 2xx.

    fields: more header fields, as "Name: value". depth: how many requests are pipelined (RFC 9112, section 9.3.2).
    Raises ValueError for a path without its slash, or anything with a line break.

    Example:
    >>> from iomux.harness.load.asking import http
    >>> http("/index.html").request
    b'GET /index.html HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n'
    """
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *fields]
    if not path.startswith("/") or any(re.search(r"[\r\n]", line) for line in lines) or " " in path:
        raise ValueError(f"{path!r} with {list(fields)}: give a path that begins with / and fields of one line each")
    request = "".join(f"{line}\r\n" for line in lines).encode("latin-1") + b"\r\n"
    return Asking(request * _counted(depth), depth, f"GET {path} over HTTP/1.1", _http_end, _without_head)


def resp(*words: str | bytes, depth: int = 1) -> Asking:
    """Send one command of Redis, as an array of bulk strings; an error is no reply.

    depth: how many are pipelined. Raises ValueError without a command, or if depth is no positive whole number.

    Example:
    >>> from iomux.harness.load.asking import resp
    >>> resp("GET", "key").request
    b'*2\\r\\n$3\\r\\nGET\\r\\n$3\\r\\nkey\\r\\n'
    """
    if not words:
        raise ValueError("no command was given: write it as resp('GET', 'key')")
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    name = f"{parts[0].decode('latin-1')} over RESP"
    return Asking(request * _counted(depth), depth, name, _resp_end, bytes)


def _counted(depth: int) -> int:
    if not isinstance(depth, int) or depth < 1:
        raise ValueError(f"depth is {depth!r}: give a whole number from 1")
    return depth


def _http_end(got: bytes, start: int) -> int:
    """Where an HTTP reply with a Content-Length ends; others are not understood, and are lost."""
    head = got.find(_HEAD_END, start)
    if head < 0:
        return 0
    if not _STATUS.match(got, start):
        raise Lost(got[start : got.index(b"\r", start)].decode("latin-1"))
    if not (length := _LENGTH.search(got, start, head + 2)):
        raise Lost("a reply without Content-Length")
    return head + len(_HEAD_END) + int(length[1])


def _without_head(reply: bytes) -> bytes:
    return reply[reply.index(_HEAD_END) :]


def _resp_end(got: bytes, start: int) -> int:
    """Where a RESP reply ends: a line, a line and its counted bytes, or an array of replies."""
    line = _COUNTED.match(got, start)
    if not line:
        if got[start : start + 1] in _KINDS:
            return 0
        raise Lost("no reply of RESP")
    kind, count = line[1], line[2]
    if kind == b"-":
        raise Lost(count.decode("latin-1"))
    if kind == b"$":
        return line.end() + max(int(count) + 2, 0) if count != b"-1" else line.end()
    end = line.end()
    for _ in range(int(count) if kind == b"*" else 0):
        if end >= len(got) or not (end := _resp_end(got, end)):
            return 0
    return end
