"""A conversation: what each client does, line by line, short enough to be told.

"expect" waits for all that the server owes the client so far: an echo of what it has sent.
"""

from dataclasses import dataclass
from typing import Literal

Do = Literal["connect", "send", "urgent", "expect", "no more", "pause", "shutdown", "end", "close", "reset"]


@dataclass(frozen=True)
class Line:
    """One thing that one client does."""

    client: int
    do: Do
    data: bytes = b""


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
