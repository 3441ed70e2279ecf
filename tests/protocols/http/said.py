"""A protocol object driven by bytes only: what it says to these, in pieces if asked for, and how that reads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from iomux.protocols.http.connection import Connection, Speaker

NOW = 100.0


def connection(factory: Speaker, now: float = NOW) -> Connection:
    """The object of a new client."""
    return factory(now, lambda data: None)


def feed(client: Connection, data: bytes, now: float = NOW) -> bytes:
    """What it says to these bytes, taken to the end."""
    replies = client.feed(data, now)
    return replies if isinstance(replies, bytes) else b"".join(replies)


def said(factory: Speaker, *pieces: bytes) -> bytes:
    """What a new client is told, whose bytes arrive in these pieces; the Date fields are left out."""
    client = connection(factory)
    return undated(b"".join(feed(client, piece) for piece in pieces))


def undated(answers: bytes) -> bytes:
    """The same without the Date fields."""
    return re.sub(rb"Date: [^\r]*\r\n", b"", answers)


def get(target: str = "/", *fields: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return "".join(f"{line}\r\n" for line in (f"{method} {target} HTTP/1.1", "Host: x", *fields, "")).encode("latin-1")


@dataclass(frozen=True)
class Read:
    """One answer, read as its framing says."""

    status: int
    fields: dict[str, str]
    body: bytes


def read(data: bytes, heads: Iterable[int] = ()) -> list[Read]:
    """All answers in these bytes, whose lengths must be right; heads: the places of those to HEAD."""
    found: list[Read] = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end, f"no end of a head in {head!r}"
        line, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        status = int(line.split()[1])
        bare = status in (100, 204, 304) or len(found) in heads
        body, data = (b"", data) if bare else _body(fields, data)
        found.append(Read(status, fields, body))
    return found


def _body(fields: dict[str, str], data: bytes) -> tuple[bytes, bytes]:
    if "content-length" in fields:
        size = int(fields["content-length"])
        assert len(data) >= size, "the body is shorter than its length"
        return data[:size], data[size:]
    assert fields.get("transfer-encoding") == "chunked"
    body = b""
    while True:
        line, _, data = data.partition(b"\r\n")
        size = int(line, 16)
        body, data = body + data[:size], data[size + 2 :]
        if not size:
            return body, data
