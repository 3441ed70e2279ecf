"""What a soak's clients say, and which bytes of the answers they compare: an echo's, a web server's, or Redis'.

The scenario counts the bytes of a conversation's content: messages of so many bytes, taken from the pool. An echo gets
the content itself. A web server of a file with the pool's bytes is asked for each message as a range of that file; a
Redis is sent it as a value in a transaction that sets, gets and deletes its key, so that a client that leaves in its
midst leaves nothing behind. Either way the content comes back, and what the protocol adds around it is checked too.

Sources: RFC 9110, section 14 (ranges); the RESP specification; Redis' documentation of transactions.
"""

import functools
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from iomux.harness.soak.scenario import Scenario, pool_of

POOL_FILE = "pool"
"""The file of the web server that is soaked."""
_MOST_HEAD_BYTES = 16 * 1024
_HEAD_END = b"\r\n\r\n"


class Dialogue(NamedTuple):
    """One client's side of a conversation."""

    scenario: Scenario
    pool: bytes
    question: memoryview
    """All that it says if it stays."""
    asked: tuple[int, ...]
    """Where in the question each of the scenario's messages is complete."""
    owed: Callable[[int], int]
    """The bytes of content that the server owes to a client that has sent so much of the question."""
    content: Callable[[bytes], bytes]
    """The bytes of content in what has just been received. Raises ValueError if what is around them is wrong."""

    def scaled(self, count: int) -> int:
        """So many bytes of the content, as a share of the question."""
        return max(1, count * len(self.question) // self.scenario.total)


Speak = Callable[[Scenario, bytes], Dialogue]
"""Makes the dialogue of a client with this scenario, from the pool."""


class _Frame(NamedTuple):
    """An answer: what is before the content, how long that is, and what is behind it."""

    begins: Callable[[bytes | bytearray], int]
    """The bytes before the content; 0 while they are incomplete. Raises ValueError if they are wrong."""
    content_bytes: int
    ends: bytes


def echo(scenario: Scenario, pool: bytes) -> Dialogue:
    """Say the content, and get it back."""
    content = memoryview(pool)[scenario.offset : scenario.offset + scenario.total]
    return Dialogue(scenario, pool, content, scenario.ends, lambda sent: sent, lambda data: data)


def http(scenario: Scenario, pool: bytes) -> Dialogue:
    """Ask for each message as a range of the file."""
    places = [(scenario.offset + start, scenario.offset + stop) for start, stop in _messages(scenario)]
    requests = [
        b"GET /%b HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=%d-%d\r\n\r\n" % (POOL_FILE.encode(), start, stop - 1)
        for start, stop in places
    ]
    frames = (_Frame(_head_of(start, stop, len(pool)), stop - start, b"") for start, stop in places)
    return _framed(scenario, pool, requests, frames)


def redis(scenario: Scenario, pool: bytes) -> Dialogue:
    """Set, get and delete each message in one transaction, by a key of this client's own."""
    key = b"iomux-soak:%d" % scenario.number
    values = [pool[scenario.offset + start : scenario.offset + stop] for start, stop in _messages(scenario)]
    requests = [
        b"".join(map(_command, ([b"MULTI"], [b"SET", key, value], [b"GET", key], [b"DEL", key], [b"EXEC"])))
        for value in values
    ]
    frames = (_Frame(_exactly(_executed(len(value))), len(value), b"\r\n:1\r\n") for value in values)
    return _framed(scenario, pool, requests, frames)


DIALOGUES: dict[str, Speak] = {"echo": echo, "http": http, "redis": redis}
"""By the name of what the server speaks."""


def write_pool(folder: Path, seed: int) -> None:
    """Write the file that a web server is asked for."""
    (folder / POOL_FILE).write_bytes(pool_of(seed))


def _messages(scenario: Scenario) -> Iterator[tuple[int, int]]:
    return zip((0, *scenario.ends), scenario.ends, strict=False)


def _command(words: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _executed(size: int) -> bytes:
    """What a Redis says before the value: the replies to MULTI and three queued commands, and EXEC's begin."""
    return b"+OK\r\n" + 3 * b"+QUEUED\r\n" + b"*3\r\n+OK\r\n$%d\r\n" % size


def _framed(scenario: Scenario, pool: bytes, requests: list[bytes], frames: Iterator[_Frame]) -> Dialogue:
    ends, asked = (0, *scenario.ends), list[int]()
    for request in requests:
        asked.append(len(request) + (asked[-1] if asked else 0))
    question = memoryview(b"".join(requests))
    owed = functools.partial(_complete, asked, ends)
    return Dialogue(scenario, pool, question, tuple(asked), owed, _unframe(frames))


def _complete(asked: Sequence[int], ends: Sequence[int], sent: int) -> int:
    """The content of the messages that were asked for completely."""
    return ends[bisect_right(asked, sent)]


def _unframe(frames: Iterator[_Frame]) -> Callable[[bytes], bytes]:
    """What takes the content out of the answers; the last byte of an answer counts once its end was right."""
    got, frame, left = bytearray(), next(frames), -1  # left: of the content; -1 before its begin

    def content(data: bytes) -> bytes:
        nonlocal frame, left
        got.extend(data)
        taken = bytearray()
        while got:
            if left < 0:
                if not (begin := frame.begins(got)):
                    break
                del got[:begin]
                left = frame.content_bytes
            whole = len(got) >= left + len(frame.ends)
            count = left if whole else min(left - 1, len(got))
            taken += _cut(got, count)
            left -= count
            if not whole:
                break
            _check(_cut(got, len(frame.ends)), frame.ends)
            frame, left = next(frames, _NOTHING), -1
        return bytes(taken)

    return content


def _cut(got: bytearray, count: int) -> bytes:
    """Take so many bytes off the beginning."""
    begin = bytes(got[:count])
    del got[:count]
    return begin


def _check(came: bytes, due: bytes) -> None:
    if came != due:
        raise ValueError(f"{came[-80:]!r} came where {due!r} was due")


def _exactly(due: bytes) -> Callable[[bytes | bytearray], int]:
    def begins(got: bytes | bytearray) -> int:
        _check(bytes(got[: len(due)]), due[: len(got)])
        return len(due) if len(got) >= len(due) else 0

    return begins


def _head_of(start: int, stop: int, size: int) -> Callable[[bytes | bytearray], int]:
    """The head of the answer with one range (RFC 9110, section 15.3.7)."""
    due = (
        b"\r\nContent-Length: %d\r\n" % (stop - start),
        b"\r\nContent-Range: bytes %d-%d/%d\r\n" % (start, stop - 1, size),
    )

    def begins(got: bytes | bytearray) -> int:
        end = got.find(_HEAD_END)
        if end < 0:
            if len(got) > _MOST_HEAD_BYTES:
                raise ValueError(f"a head had not ended after {len(got):,} bytes")
            return 0
        head = bytes(got[: end + 2])
        if not head.startswith(b"HTTP/1.1 206 ") or not all(one.lower() in head.lower() for one in due):
            raise ValueError(f"an answer began {head[:160]!r}, and {(due[0] + due[1][2:]).decode().split()} was due")
        return end + len(_HEAD_END)

    return begins


def _surplus(got: bytes | bytearray) -> int:
    raise ValueError(f"{bytes(got[:80])!r} came after the last answer")


_NOTHING = _Frame(_surplus, 0, b"")
