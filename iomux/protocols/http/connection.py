"""One client's connection: requests come out of the bytes that arrive, and each becomes its answer, in order.

Three facts determine this code:

- Answers may be far larger than what asks for them. So they are made when they are taken: a few in one piece, or a file
  in many, and only then the next.
- Nobody may be waited for without end. So each state has its moment, `due`: a head's counts from its first byte.
- A malformed request leaves nobody knowing where the next one begins. So it is answered, and then it is over.

Cost: for a plain request one regular expression, two small objects, and the answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from iomux.protocols.http.incoming import Incoming, Taken
from iomux.protocols.http.refusal import Refused
from iomux.protocols.http.request import Request
from iomux.protocols.http.response import Answer, begin, close, text
from iomux.protocols.http.service import Service
from iomux.servers.connection import log_error
from iomux.servers.protocol import AT_ONCE, NEVER, Replies, Say

MOST_AT_ONCE = 16
"""Most answers that are made for one reply: a turn's budget counts replies."""
MOST_BYTES_AT_ONCE = 64 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Speaker:
    """The factory of connections: one for a server."""

    service: Service
    due: float = NEVER

    def __call__(self, now: float, say: Say) -> "Connection":
        """The connection of a new client. It does not need `say`: HTTP says nothing unasked."""
        return Connection(self.service, now)

    def late(self, now: float) -> None:
        """Nothing is due that belongs to no client."""


class Connection:
    """A `ClientProtocol` that speaks HTTP/1.1.

    Example:
    >>> from iomux.protocols.http import application
    >>> connection = application(lambda request: b"hello")(now=0.0, say=print)
    >>> connection.feed(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", now=0.1).splitlines()[0]
    b'HTTP/1.1 200 OK'
    """

    __slots__ = ("_incoming", "_more", "_now", "_service", "_stream", "due", "idle", "over")

    def __init__(self, service: Service, now: float) -> None:
        self.over = 0
        self.idle = True
        self.due = now + service.limits.idle_seconds
        self._service = service
        self._incoming = Incoming(service)
        self._stream: Iterator[bytes] | None = None  # the answer that goes in many pieces
        self._more = False  # whether there may be another answer now
        self._now = now

    def feed(self, data: bytes, now: float) -> Replies:
        """Take what arrived; return the answers that are complete, lazily if they are many or large."""
        if self.over or not data:  # an unfinished request will never be finished (RFC 9112, section 8)
            self.over, self.due = True, NEVER
            return b""
        self._now = now
        only = self._incoming.only(data) if self.idle else None
        if only:
            request, keep = only
            first = self._begin(self._service.respond(request), request, keep)
            if not self._stream:
                self.due = NEVER if self.over else now + self._service.limits.idle_seconds
                return first
            self._more = True
        else:
            self._incoming.put(data, now)
            first = self._answers()
        if self._more:
            self.idle = False
            return self._lazily(first)
        self._settle()
        return first

    def late(self, now: float) -> Replies:
        """The client took too long: an unfinished request gets 408, one that has not begun nothing."""
        self._now = now
        self.over, self.due = True, NEVER
        unfinished = self._incoming.unfinished
        return self._refusal(Refused(408, f"the request's {unfinished} took too long")) if unfinished else b""

    def gone(self) -> None:
        """Close what an answer has open."""
        if self._stream is not None:
            close(self._stream)
            self._stream = None

    def _answers(self) -> bytes:
        """The next answers in one piece; sets `_more` if there may be others, or the last one goes on."""
        made: list[bytes] = []
        size = 0
        self._more = False
        try:
            while len(made) < MOST_AT_ONCE and size < MOST_BYTES_AT_ONCE:
                answer = self._next()
                if answer is None:
                    return b"".join(made)
                made.append(answer)
                size += len(answer)
                if self._stream or self.over:
                    break
            self._more = self._stream is not None or not (self.over or self._incoming.all_taken)
        except Refused as refusal:
            made.append(self._refusal(refusal))
        return b"".join(made)

    def _next(self) -> bytes | None:
        """The next answer, or its first piece; None if what arrived holds no other request. Raises Refused."""
        taken = self._incoming.take()
        return self._answer(taken) if taken else None

    def _answer(self, taken: Taken) -> bytes:
        """The answer to what was taken, or its first piece: the rest is in `_stream`, and `over` if it is the last."""
        request, keep = taken
        if request is None:
            return _CONTINUE
        return self._begin(self._service.answer(request), request, keep)

    def _begin(self, answer: Answer, request: Request, keep: bool) -> bytes:
        """The first piece of an answer."""
        date = self._service.stamp.line(self._now)
        first, self._stream, keep = begin(answer, request.method, request.version, keep, date)
        if not keep:  # while a long answer is sent, who knows what comes
            self.over = AT_ONCE if self._incoming.complete and not self._stream else True
        return first

    def _lazily(self, first: bytes) -> Iterator[bytes]:
        """These answers, and all that can be made of what arrived, each when it is taken."""
        yield first
        while self._more:
            if self._stream:
                yield from self._piecewise(self._stream)
                self.gone()
            if self.over:
                break
            answers = self._answers()
            if answers:
                yield answers
        self._settle()

    def _piecewise(self, stream: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of an answer that has begun: if one cannot be had, the connection ends short of the promise."""
        try:
            yield from stream
        except OSError as error:
            log_error(f"iomux: an answer ended short: {error}")
            self.over = True
        except Exception:
            log_error()
            self.over = True

    def _refusal(self, refusal: Refused) -> bytes:
        """The last answer."""
        self.over = True
        method = "HEAD" if self._incoming.wants_no_body else "GET"
        return begin(text(refusal.status, refusal.reason), method, "1.1", False, self._service.stamp.line(self._now))[0]

    def _settle(self) -> None:
        """Decide what is waited for, and until when, now that nothing can be answered."""
        limits, unfinished = self._service.limits, self._incoming.unfinished
        self.idle = not unfinished
        if self.over:
            self.due = NEVER
        elif unfinished == "body":
            self.due = self._incoming.began + limits.body_seconds
        elif unfinished:
            self.due = self._incoming.began + limits.head_seconds
        else:
            self.due = self._now + limits.idle_seconds
