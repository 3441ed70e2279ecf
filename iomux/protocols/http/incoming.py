"""From the bytes that arrive to complete requests: what is left of a read is kept until the rest of it comes.

A read may hold half a request, or two thousand (RFC 9112, section 9.3.2): requests are taken one at a time. A head that
comes byte by byte is looked at once for each byte, never again from its beginning.
"""

import re

from iomux.protocols.http.body import Chunked, Fixed
from iomux.protocols.http.grammar import BLANK_LINES, END, HEAD, LONGEST_TARGET, begins_plain, is_plain
from iomux.protocols.http.head import CHUNKED, Head, understand
from iomux.protocols.http.refusal import check_unfinished, malformed
from iomux.protocols.http.request import Request
from iomux.protocols.http.service import Service

CONTINUE = None
"""Stands for a request whose client waits for `100 Continue`."""
Taken = tuple[Request | None, bool]
"""A request, or CONTINUE, and whether the connection stays."""
_make = tuple.__new__
"""Makes a named tuple in half the time."""


class Incoming:
    """The requests of one client.

    Example:
    >>> from iomux.protocols.http.incoming import Incoming
    >>> from iomux.protocols.http.service import Limits, service
    >>> incoming = Incoming(service(print, ["GET"], Limits()))
    >>> incoming.put(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\nGET /", now=0.0)
    >>> incoming.take()[0].target, incoming.take(), incoming.unfinished
    ('/', None, 'head')
    """

    __slots__ = ("_at", "_body", "_head", "_methods", "_most", "_now", "_rest", "_scanned", "_service", "began")

    def __init__(self, service: Service) -> None:
        self.began = 0.0
        """When the unfinished head or body began."""
        self._service = service
        self._methods = service.methods
        self._most = min(service.limits.head_bytes, LONGEST_TARGET)  # bytes of a head that need not be counted
        self._rest = b""  # what arrived and is not consumed, from _at on
        self._at = 0
        self._scanned = 0  # so much of an unfinished head was looked at
        self._head: Head | None = None  # of the request whose body is being taken
        self._body: Fixed | Chunked | None = None
        self._now = 0.0

    def put(self, data: bytes, now: float) -> None:
        """Keep what arrived."""
        self._now = now
        self._rest = self._rest[self._at :] + data if self._rest else data
        self._at = 0

    def only(self, data: bytes) -> tuple[Request, bool] | None:
        """The request that this is, if nothing is kept and it is a plain one and nothing else: nearly always."""
        return self._plain(is_plain(data)) if len(data) <= self._most else None

    def take(self) -> Taken | None:
        """The next request, None if it is not complete. Raises Refused if it never can be."""
        if self._body:
            return self._take_body(self._body)
        if not self._scanned:
            match = begins_plain(self._rest, self._at)
            plain = self._plain(match)
            if match and plain and match.end() - self._at <= self._most:
                self._at = match.end()
                return plain
            self._at = BLANK_LINES.match(self._rest, self._at).end()  # type: ignore[union-attr]
        end = END.search(self._rest, self._at + max(0, self._scanned - 3))
        if end:
            return self._take_head(end.end())
        self._wait()
        return None

    def _plain(self, match: re.Match[bytes] | None) -> tuple[Request, bool] | None:
        """The request that a match of PLAIN is, if its method is known."""
        if not match:
            return None
        method, target, fields, close, close_behind_host = match.groups()
        name = self._methods.get(method)
        if not name:
            return None
        stays = close is None and close_behind_host is None
        return _make(Request, (name, target.decode(), "1.1", fields, b"", False)), stays

    @property
    def all_taken(self) -> bool:
        """Whether nothing is left of what arrived."""
        return self._at == len(self._rest)

    @property
    def complete(self) -> bool:
        """Whether the last request was taken whole, and nothing came after it."""
        return self._head is None and self.all_taken

    @property
    def unfinished(self) -> str:
        """What has begun and is not complete, `head` or `body`; else empty. Nothing is kept then."""
        if self._body:
            return "body"
        if self._at < len(self._rest):
            return "head"
        self._rest, self._at, self._head = b"", 0, None
        return ""

    @property
    def wants_no_body(self) -> bool:
        """Whether what could not be taken is a HEAD request, whose answer has no body whatever it says."""
        if self._head:
            return self._head.request.method == "HEAD"
        return self._rest.startswith(b"HEAD ", self._at)

    def _wait(self) -> None:
        """Keep the beginning of a head, if it can become valid."""
        part = self._rest[self._at :]
        if part and not self._scanned:
            self.began = self._now
        if part:
            check_unfinished(part, self._scanned, self._service.limits.head_bytes)
        self._scanned = len(part) if part != b"\r" else 0  # that may be the beginning of an empty line

    def _take_head(self, end: int) -> Taken | None:
        """The request whose head ends there; None if its body is to come."""
        limits, part = self._service.limits, self._rest[self._at : end]
        self._head = None
        if len(part) > limits.head_bytes:
            check_unfinished(part, 0, limits.head_bytes)
        match = HEAD.fullmatch(part)
        if not match:
            raise malformed(part)
        head = understand(match)
        self._at, self._scanned = end, 0
        request, length, keep, expects = head
        if not length:
            return request, keep
        self._head = head
        if expects and request.method not in self._service.names:  # then its body is not wanted
            return request, False
        self._body = Chunked(limits.body_bytes) if length == CHUNKED else Fixed(length, limits.body_bytes)
        self.began = self._now
        return (CONTINUE, True) if expects and self.all_taken else self._take_body(self._body)

    def _take_body(self, body: Fixed | Chunked) -> Taken | None:
        self._at = body.take(self._rest, self._at)
        if not body.done or not self._head:
            return None
        request, _, keep, _ = self._head
        self._body = self._head = None
        return request._replace(body=body.content()), keep
