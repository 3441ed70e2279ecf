"""One case of the suite: what is sent on a connection of its own, and which outcomes the RFCs permit.

An outcome is written as the status codes that came, in order, with a blank between. After the first final answer a
probe follows, a plain GET with `Connection: close`. So `400` is an answer and the end, `200 200` an answer and a
connection that stays, and nothing at all is a connection that ended without a word. `~` in front: the server said
nothing until the client had ended its stream. Both expectations are regular expressions for the whole outcome.
"""

from dataclasses import dataclass

PROBE = b"GET /?probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
"""What must not be answered where it is hidden in another request."""


@dataclass(frozen=True)
class Case:
    """What is sent, and what is right, or doubtful: permitted, but not what the RFC recommends. All else is wrong."""

    name: str
    section: str
    """RFC and section."""
    sent: bytes
    right: str
    doubtful: str = "(?!)"
    needs: tuple[str, ...] = ()
    """Expressions that are to be found in the first final answer's head, if it is a 2xx, 3xx or 405."""
    lacks: tuple[str, ...] = ()
    """Expressions that are not to be found there."""
    echoes: bytes = b""
    """What a 2xx answer's content has to end with, if the server echoes a POST's body at all."""
    ends: bool = False
    """Whether the client's stream ends behind what is sent, and no probe follows."""


def get(*fields: str, line: str = "GET / HTTP/1.1", host: str = "Host: x") -> bytes:
    """A request without a body: this line, a Host field, and these; each character is a byte."""
    return "".join(f"{part}\r\n" for part in (line, *filter(None, (host,)), *fields, "")).encode("latin-1")


def post(*fields: str, body: bytes = b"", line: str = "POST / HTTP/1.1") -> bytes:
    """A request with these fields in front of this body."""
    return get(*fields, line=line) + body


def chunked(body: bytes, *fields: str) -> bytes:
    """A POST whose body is said to come in chunks."""
    return post("Transfer-Encoding: chunked", *fields, body=body)


OVER = r"4\d\d|"
"""Doubtful for what has to get 400: another refusal, or the end without a word."""
STAYS = r"400 200"
"""Answered, but the connection stays though nobody knows where the next request begins."""
TAKEN = r"2\d\d 200|(404|405|501)( 200)?"
"""A request with a body that is accepted, or whose method is not served here."""


def refused(name: str, section: str, sent: bytes, right: str = "400", doubtful: str = f"{OVER}|{STAYS}") -> Case:
    """A case of what has to be refused."""
    return Case(name, section, sent, right, doubtful)


def taken(
    name: str, section: str, sent: bytes, right: str = TAKEN, doubtful: str = "(?!)", echoes: bytes = b""
) -> Case:
    """A case of what has to be accepted."""
    return Case(name, section, sent, right, doubtful, echoes=echoes)


def either(name: str, section: str, sent: bytes, right: str = "400", doubtful: str = f"{OVER}|{STAYS}|{TAKEN}") -> Case:
    """A case that should be refused and may be accepted."""
    return Case(name, section, sent, right, doubtful)
