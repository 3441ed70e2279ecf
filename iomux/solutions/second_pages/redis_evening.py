"""Solutions of 15: what a parser does that begins anew at each byte, one that remembers, and one that believes nothing.

Cost: some hundred thousand small reads; no network.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from iomux.solutions.pages.page_servers import functions

PAGE = "15_a_redis_in_an_evening.ipynb"
MOST_WORDS, MOST_BYTES = 1 << 20, 512 << 20


class Incomplete(Exception):
    """There is no more yet."""


def parser() -> tuple[dict[str, Any], list[int]]:
    """The page's functions that read a command, and a list of one number: how often they have read a number."""
    page = functions(PAGE, "number", "take_command", Incomplete=Incomplete)
    number, reads = page["number"], [0]

    def counting(heard: bytes, at: int, sign: bytes) -> Any:
        reads[0] += 1
        return number(heard, at, sign)

    page["number"] = counting
    return page, reads


def command(words: int) -> bytes:
    """A command of so many words of one letter."""
    return b"*%d\r\n" % words + b"$1\r\nx\r\n" * words


def exercise_1(words: int = 100) -> int:
    """How often the page's parser reads a number while a command of so many words comes byte by byte."""
    page, reads = parser()
    heard = bytearray()
    for byte in command(words):
        heard.append(byte)
        with contextlib.suppress(Incomplete):
            page["take_command"](heard)
    return reads[0]


def exercise_2(words: int = 100) -> tuple[int, list[bytes]]:
    """The same with a parser that remembers, and the command that it has read."""
    page, reads = parser()
    heard, found = bytearray(), list[bytes]()
    reading = remembering(heard, page["number"])
    for byte in command(words):
        heard.append(byte)
        found = next(reading) or found
    return reads[0], found


def remembering(heard: bytearray, number: Any) -> Iterator[list[bytes]]:
    """Yield a command when it is complete, else nothing; what was read of it is not read again."""
    while True:
        words, at, count = list[bytes](), 0, -1
        while len(words) != count:
            try:
                if count < 0:
                    count, at = number(heard, 0, b"*")
                    continue
                size, start = number(heard, at, b"$")
                if len(heard) < start + size + 2:
                    raise Incomplete
            except Incomplete:
                yield []
                continue
            words.append(bytes(heard[start : start + size]))
            at = start + size + 2
        del heard[:at]
        yield words


def exercise_3() -> list[str]:
    """What is said to three announcements: too many words, too long a word, and one that is as it should be."""
    page, _ = parser()
    number = page["number"]

    def believing_little(heard: bytes, at: int, sign: bytes) -> Any:
        value, end = number(heard, at, sign)
        if not 0 <= value <= (MOST_WORDS if sign == b"*" else MOST_BYTES):
            raise ValueError("Protocol error: invalid length")
        return value, end

    page["number"] = believing_little
    return [_said(page, heard) for heard in (b"*1000000000\r\n", b"*1\r\n$600000000\r\n", command(2))]


def _said(page: dict[str, Any], heard: bytes) -> str:
    try:
        return str(page["take_command"](bytearray(heard)))
    except ValueError as error:
        return str(error)
