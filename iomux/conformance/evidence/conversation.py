"""A conversation: what each client does, line by line, short enough to be told.

"send" makes the server owe the client an echo, "say" makes a chat room owe the same to all others; "expect" waits for
all that a client is owed. "meet" waits until a room has let all members in, and throws away what it has sent them.
"""

from dataclasses import dataclass
from typing import Literal

Do = Literal[
    "connect", "meet", "send", "say", "urgent", "expect", "no more", "pause", "shutdown", "end", "close", "reset"
]


@dataclass(frozen=True)
class Line:
    """One thing that one client does."""

    client: int
    do: Do
    data: bytes = b""


def numbers(last: int) -> bytes:
    """The numbers from 1 on, each on a line: no two parts are alike. As seq(1) writes them."""
    return b"".join(b"%d\n" % number for number in range(1, last + 1))


def last_number(data: bytes) -> int:
    """Up to which number `numbers` made these bytes; 0 if it did not."""
    if not data.startswith(b"1\n2\n3\n"):
        return 0
    last = data[-12:].split()[-1]
    return int(last) if last.isdigit() and data == numbers(int(last)) else 0


Conversation = tuple[Line, ...]


def ask(client: int, *messages: bytes) -> Conversation:
    """Send each message and wait for its answer before the next."""
    return tuple(line for data in messages for line in (Line(client, "send", data), Line(client, "expect")))


def alone(*messages: bytes) -> Conversation:
    """One client, which asks again and again."""
    return (Line(1, "connect"), *ask(1, *messages))


def without_waiting(*messages: bytes) -> Conversation:
    """One client, which sends every message before it reads."""
    return (Line(1, "connect"), *(Line(1, "send", data) for data in messages), Line(1, "expect"))


def in_pieces(*pieces: bytes) -> Conversation:
    """One client, which lets each piece arrive by itself, and reads after the last."""
    between = [line for data in pieces for line in (Line(1, "send", data), Line(1, "pause"))]
    return (Line(1, "connect"), *between[:-1], Line(1, "expect"))


def size_of(conversation: Conversation) -> tuple[int, int, int]:
    """How long a conversation is to tell: its lines, its bytes, and how far they are from the letter a."""
    data = b"".join(line.data for line in conversation)
    return len(conversation), len(data), len(data) - data.count(b"a")
