"""Solutions of 14: a HEAD with a body, a head that never ends, and a moment at which a client is told that it is late.

Cost: none to speak of: all is tried without a network, and without waiting.
"""

import io
import math
import mimetypes
from typing import Any

from iomux.solutions.pages.page_servers import functions

PAGE = "14_a_web_server.ipynb"
MOST_HEAD_BYTES = 8192
HEAD_SECONDS = 10.0


def visitor(pages: dict[str, bytes]) -> Any:
    """An object of the page's class, with the methods that the page gives it."""
    names = ("take_head", "parse", "head_of", "Visitor", "answers", "answer", "message", "feed")
    page = functions(PAGE, *names, math=math, mimetypes=mimetypes)
    made = page["Visitor"]
    made.answers, made.answer, made.message, made.feed = (page[name] for name in names[-4:])
    return made(pages)


def exercise_1() -> tuple[bytes, bytes]:
    """The first lines of what a client takes for its two answers, to a HEAD and to a GET."""
    ours, lines = visitor({"/hello.txt": b"hello\n"}), list[bytes]()
    said = b"HEAD /hello.txt HTTP/1.1\r\n\r\nGET /hello.txt HTTP/1.1\r\n\r\n"
    stream = io.BytesIO(b"".join(ours.feed(said, 0.0)))
    for _ in range(2):
        lines.append(stream.readline())
        while stream.readline() not in (b"\r\n", b""):  # to the end of the head: a HEAD's answer has no body
            pass
    return lines[0], lines[1]


def exercise_2() -> tuple[bytes, bool]:
    """What a client with an endless head is told, and whether it is over then."""
    ours, said = visitor({}), b""
    bounded(ours)
    for _ in range(100):
        said += b"".join(ours.feed(b"X-Endless: and so on\r\n" * 10, 0.0))
    return said.partition(b"\r\n")[0], ours.over


def bounded(ours: Any) -> None:
    """Let the object refuse a head of more than 8 KiB."""
    feed = ours.feed

    def feed_bounded(data: bytes, now: float) -> Any:
        if ours.over:
            return
        yield from feed(data, now)
        if len(ours.heard) > MOST_HEAD_BYTES:
            ours.over = True
            yield from ours.message("431 Request Header Fields Too Large", b"this head does not end\n")

    ours.feed = feed_bounded


def exercise_3() -> tuple[list[float], bytes, bool]:
    """When a client that sends a byte a second is due, what it is told then, and whether it is over."""
    ours, dues = visitor({"/": b"hi\n"}), []
    timed(ours)
    for second, byte in enumerate(b"GET /"):
        b"".join(ours.feed(bytes([byte]), float(second)))
        dues.append(ours.due)
    said = b"".join(ours.late(dues[-1]))
    return dues, said.partition(b"\r\n")[0], ours.over


def timed(ours: Any) -> None:
    """Give the object ten seconds from the first byte of a head to its last."""
    feed = ours.feed

    def feed_timed(data: bytes, now: float) -> Any:
        yield from feed(data, now)
        ours.due = min(ours.due, now + HEAD_SECONDS) if ours.heard else math.inf

    def late(now: float) -> Any:
        ours.over, ours.due = True, math.inf
        yield from ours.message("408 Request Timeout", b"too slow\n")

    ours.feed, ours.late = feed_timed, late
