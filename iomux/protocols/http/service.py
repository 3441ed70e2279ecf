"""What all clients of a server share: who answers, which methods there are, the date, and what one client may take.

A limit is a promise to everybody else: a head without an end, a body that comes a byte a second or a client that says
nothing takes a bounded amount of memory for a bounded time. RFC 9110 names the answers (413, 414, 408), RFC 6585 the
one for too many fields (431); the numbers are each server's own choice, and these are of the order of nginx's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from iomux.protocols.http.dates import Stamp
from iomux.protocols.http.request import Request
from iomux.protocols.http.response import Answer, text

KNOWN = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"})
"""Methods that are refused for a resource (405), while any other is not known at all (501; RFC 9110, section 9.1)."""


@dataclass(frozen=True)
class Limits:
    """The limits of each client; bytes and seconds. Raises ValueError for one that is not positive.

    Example:
    >>> from iomux.protocols.http import Limits
    >>> Limits(idle_seconds=5).idle_seconds, Limits().body_bytes
    (5, 1048576)
    """

    head_bytes: int = 32 * 1024
    """The request line and all fields (431; RFC 6585, section 5). A target has 8,000 (414; RFC 9112, section 3)."""
    body_bytes: int = 1024 * 1024
    """The body, which is kept until it is complete (413; RFC 9110, section 15.5.14)."""
    idle_seconds: float = 60.0
    """Between two requests: then the connection ends without a word (RFC 9112, section 9.5)."""
    head_seconds: float = 20.0
    """From a head's first byte to its last (408; RFC 9110, section 15.5.9)."""
    body_seconds: float = 60.0
    """From the end of a head to the end of the body (408)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name} must be positive, not {getattr(self, field.name)!r}")


@dataclass(slots=True)
class Service:
    """One server's. Not a named tuple, whose attributes are descriptors: to read one takes ten times as long."""

    respond: Callable[[Request], Answer]
    """Makes the answer to a request with one of the methods. Raises nothing."""
    methods: dict[bytes, str]
    """The methods that `respond` gets, by the bytes that arrive."""
    names: frozenset[str]
    """The same, as text."""
    limits: Limits
    stamp: Stamp

    def answer(self, request: Request) -> Answer:
        """The answer to any valid request."""
        if request.method in self.names and request.target != "*":
            return self.respond(request)
        allow = b"Allow: " + b", ".join(self.methods) + b"\r\n"  # RFC 9110, section 10.2.1
        if request.target == "*":  # OPTIONS, about the server as a whole
            return 200, allow, b"", 0
        if request.method in KNOWN:
            return text(405, f"{request.method} is not for this target", allow)
        return text(501, f"{request.method} is no method that is known here")


def service(respond: Callable[[Request], Answer], methods: Iterable[str], limits: Limits) -> Service:
    """A server's service."""
    names = tuple(methods)
    return Service(respond, {name.encode("ascii"): name for name in names}, frozenset(names), limits, Stamp())
