"""Replies on the wire: RESP2, and RESP3 where a client has asked for it with HELLO 3.

A small reply is one piece of bytes. What may be big (a value of megabytes, a list of a million) is an iterator, which
encodes a piece when it is taken: a client that asks for a gigabyte and reads nothing costs a piece. It holds on to the
values that it will send, which are immutable, so the reply is what it was when the command was done.

Source: redis.io, "Redis serialization protocol specification".
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from iomux.protocols.resp.base.numbers import shown

Reply: TypeAlias = bytes | Iterator[bytes]
"""A reply in one piece, or in several, each made when it is taken."""

PIECE_BYTES = 64 * 1024
"""A reply of more is given in pieces of some so many bytes."""
OK = b"+OK\r\n"
NO_ARRAY = b"*-1\r\n"
EMPTY = b"*0\r\n"
NIL = {2: b"$-1\r\n", 3: b"_\r\n"}
"""No value, by version."""
INTEGERS = [b":%d\r\n" % number for number in range(1024)]


def error(text: bytes) -> bytes:
    """An error of that code and sentence; ends of line in it, a client's own perhaps, become blanks."""
    return b"-" + text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"


def integer(number: int) -> bytes:
    """A whole number."""
    return b":%d\r\n" % number


def bulk(value: bytes) -> Reply:
    """A string with its length in front."""
    if len(value) <= PIECE_BYTES:
        return b"$%d\r\n%b\r\n" % (len(value), value)
    return _big(value)


def short(value: bytes) -> bytes:
    """The same for a value known to be small."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def _big(value: bytes) -> Iterator[bytes]:
    yield b"$%d\r\n" % len(value)
    for begin in range(0, len(value), PIECE_BYTES):
        yield value[begin : begin + PIECE_BYTES]
    yield b"\r\n"


def bulks(values: Sequence[bytes | None], version: int, kind: bytes = b"*", each: int = 1) -> Reply:
    """An array of strings, None for those that are missing. kind: * array, ~ set, % map; each: strings an entry."""
    head = b"%b%d\r\n" % (kind, len(values) // each)
    if len(values) <= 64 and sum(len(value) for value in values if value) <= PIECE_BYTES:
        nil = NIL[version]
        return head + b"".join([nil if value is None else b"$%d\r\n%b\r\n" % (len(value), value) for value in values])
    return _many(head, values, NIL[version])


def _many(head: bytes, values: Iterable[bytes | None], nil: bytes) -> Iterator[bytes]:
    piece, size = [head], 0
    for value in values:
        if value is not None and len(value) > PIECE_BYTES:
            yield b"".join(piece)
            yield from _big(value)
            piece, size = [], 0
            continue
        piece.append(nil if value is None else b"$%d\r\n%b\r\n" % (len(value), value))
        size += len(piece[-1])
        if size > PIECE_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    yield b"".join(piece)


def array(replies: Sequence[Reply], kind: bytes = b"*") -> Reply:
    """An array of what is encoded already. kind: * array, > push."""
    head = b"%b%d\r\n" % (kind, len(replies))
    if all(type(reply) is bytes for reply in replies):
        return head + b"".join(replies)  # type: ignore[arg-type]
    return _joined(head, replies)


def _joined(head: bytes, replies: Sequence[Reply]) -> Iterator[bytes]:
    yield head
    for reply in replies:
        if isinstance(reply, bytes):
            yield reply
        else:
            yield from reply


def pairs(values: Sequence[bytes], version: int) -> Reply:
    """Names and values in turn: a map in version 3, a flat array in version 2."""
    return bulks(values, version, b"%", 2) if version == 3 else bulks(values, version)


def members(values: Sequence[bytes], version: int) -> Reply:
    """A set: of its own kind in version 3, an array in version 2."""
    return bulks(values, version, b"~" if version == 3 else b"*")


def score(number: float, version: int) -> bytes:
    """A floating-point number: of its own kind in version 3, a string in version 2."""
    return b",%b\r\n" % shown(number) if version == 3 else short(shown(number))


def text(value: bytes, version: int) -> Reply:
    """Text for people: in version 3 verbatim, which says that it is plain text."""
    return b"=%d\r\ntxt:%b\r\n" % (len(value) + 4, value) if version == 3 else bulk(value)
