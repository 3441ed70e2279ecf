"""RESP as a client writes and reads it: a command is an array of bulk strings, a reply's first byte is its kind.

Every line ends with CR LF. A bulk string is announced by its length, so that its bytes may be any; an array by how many
replies follow (redis.io, "Redis serialization protocol specification"). What is read here is only where a reply ends:
the check compares bytes, not values. RESP3 adds kinds, and no new ways to end. Cost: a scan of the reply's lines.
"""

import re

from iomux.conformance.trial.window import escaped

_LINES, _LENGTHS, _COUNTS = b"+-:_,#(", b"$!=", b"*~>%"
CRLF = b"\r\n"
OK, NIL, PONG = b"+OK\r\n", b"$-1\r\n", b"+PONG\r\n"
_MOST_TOLD = 48
_SIZE = re.compile(rb"\$(\d+)\r\n")


class NotAReply(Exception):
    """These bytes are not the beginning of any reply."""


def command(*words: str | bytes | int) -> bytes:
    """A command as clients send it.

    Example:
    >>> from iomux.conformance.redis.wire import command
    >>> command("GET", "a")
    b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\na\\r\\n'
    """
    return array(*(bulk(word if isinstance(word, bytes) else str(word)) for word in words))


def said(text: str) -> bytes:
    """The command of these words, which have no blanks in them."""
    return command(*text.split())


def bulk(value: bytes | str) -> bytes:
    """A bulk string."""
    value = value.encode() if isinstance(value, str) else value
    return b"$%d\r\n%b\r\n" % (len(value), value)


def integer(value: int) -> bytes:
    """An integer reply."""
    return b":%d\r\n" % value


def array(*replies: bytes) -> bytes:
    """An array of replies."""
    return b"*%d\r\n%b" % (len(replies), b"".join(replies))


def end_of_reply(data: bytes | bytearray, start: int = 0) -> int:
    """Where the reply that begins at `start` ends; 0 if it is not complete. Raises NotAReply.

    Example:
    >>> from iomux.conformance.redis.wire import end_of_reply
    >>> end_of_reply(b"$2\\r\\nab\\r\\n+OK"), end_of_reply(b"*2\\r\\n:1\\r\\n")
    (8, 0)
    """
    kind, line = data[start : start + 1], data.find(CRLF, start)
    if kind and kind not in _LINES + _LENGTHS + _COUNTS:
        raise NotAReply
    if line < 0:
        return 0
    if kind in _LINES:
        return line + 2
    count = _number(bytes(data[start + 1 : line]))
    if count < 0:
        return line + 2
    return _end_of_bulk(data, line + 2 + count) if kind in _LENGTHS else _end_of_all(data, line + 2, kind, count)


def _number(digits: bytes) -> int:
    try:
        return int(digits)
    except ValueError:
        raise NotAReply from None


def _end_of_bulk(data: bytes | bytearray, end: int) -> int:
    if not CRLF.startswith(bytes(data[end : end + 2])):
        raise NotAReply
    return end + 2 if len(data) >= end + 2 else 0


def _end_of_all(data: bytes | bytearray, start: int, kind: bytes | bytearray, count: int) -> int:
    for _ in range(2 * count if kind == b"%" else count):
        if not (start := end_of_reply(data, start)):
            return 0
    return start


def is_error(reply: bytes) -> bool:
    """Whether it is a whole error reply."""
    return reply[:1] == b"-" and reply.endswith(CRLF) and len(reply) > 3


def told(data: bytes, most: int = _MOST_TOLD) -> str:
    """Bytes in a sentence: a command by its words, all else as it is, cut where it is long.

    Example:
    >>> from iomux.conformance.redis.wire import said, told
    >>> told(said("GET a")), told(b"*1\\r\\n$x\\r\\n")
    ('GET a', '*1\\\\r\\\\n$x')
    """
    found = _words(data)
    text = " ".join(found) if found else escaped(data[: 2 * most]).removesuffix(r"\r\n")
    return text if len(text) <= most else f"{text[:most]}…"


def _words(data: bytes) -> list[str]:
    """The words of a command; none if it is no whole one."""
    words, place = list[str](), data.find(CRLF) + 2
    while size := _SIZE.match(data, place):
        place = size.end() + int(size[1]) + 2
        words.append(escaped(data[size.end() : place - 2][: 2 * _MOST_TOLD]))
    return words if data[:1] == b"*" and place == len(data) else []
