"""The short conversations to try for a failed item of a chat room: what one member says, the others hear.

What is said is a line, since a room may pass on whole lines only. What a room sends of its own accord as members join
is read and thrown away.
"""

from collections.abc import Iterator, Sequence

from iomux.conformance.evidence.candidates import Family
from iomux.conformance.evidence.conversation import Conversation, Line

_MUCH = 50_000


def _room(count: int) -> Conversation:
    """Members that have joined."""
    return (*(Line(client, "connect") for client in range(1, count + 1)), Line(1, "meet"))


def _heard(speaker: int, listeners: Sequence[int], data: bytes = b"a\n") -> Conversation:
    return (Line(speaker, "say", data), *(Line(listener, "expect") for listener in listeners))


def passed_on(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One says a line, and the others hear it: of two members, then of three."""
    yield (*_room(2), *_heard(1, [2]))
    yield (*_room(2), *_heard(2, [1]))
    for speaker in (1, 2, 3):
        yield (*_room(3), *_heard(speaker, [client for client in (1, 2, 3) if client != speaker]))


def not_to_oneself(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One says a line, and does not hear it."""
    yield (*_room(2), *_heard(1, [2]), Line(1, "no more"))


def every_value(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """Lines with one byte of each value in them."""
    lines = (_heard(1, [2], b"a" + bytes([value]) + b"b\n") for value in range(256))
    yield (*_room(2), *(line for lines in lines for line in lines))


def in_order(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """Two lines in a row, a long one, many at once."""
    yield (*_room(2), Line(1, "say", b"a\n"), *_heard(1, [2], b"b\n"))
    for size in (1000, 5000):
        yield (*_room(2), *_heard(1, [2], b"a" * size + b"\n"))
    yield (*_room(2), *_heard(1, [2], b"a\n" * _MUCH))


def last_words(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One says a line and leaves."""
    for leaves in (Line(1, "close"), Line(1, "shutdown")):
        yield (*_room(2), Line(1, "say", b"a\n"), leaves, Line(2, "expect"))


def left(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One leaves, and the others go on."""
    for leaves in (Line(1, "reset"), Line(1, "close"), Line(1, "shutdown")):
        yield (*_room(3), leaves, Line(1, "pause"), *_heard(2, [3]))


def urgent(messages: Sequence[bytes]) -> Iterator[Conversation]:
    """One sends an urgent byte, and says a line."""
    yield (*_room(2), Line(1, "urgent"), Line(1, "pause"), *_heard(1, [2]))


ROOM: dict[str, tuple[Family, ...]] = {
    "passes-on": (passed_on, in_order),
    "not-to-sender": (not_to_oneself,),
    "every-byte": (every_value,),
    "in-order": (passed_on, in_order, every_value),
    "last-words": (passed_on, last_words),
    "leaving": (passed_on, left),
    "resets": (passed_on, left),
    "mid-reset": (passed_on, left),
    "urgent": (passed_on, urgent),
}
"""What to try for an item of a chat room, by its name."""
