"""Dynamic answers: a function of a request gives the bytes of a page, or more is said with a `Response`.

The function is called when the request is complete, in the server's thread: while it computes nobody else is served by
that thread. An iterator is asked for its next piece when the client has taken the ones before.
"""

from collections.abc import Callable, Iterable, Iterator

from iomux.protocols.http.connection import Speaker
from iomux.protocols.http.request import Request
from iomux.protocols.http.response import TEXT, Answer, Response, ready, text
from iomux.protocols.http.service import KNOWN, Limits, service
from iomux.servers.connection import log_error

Result = bytes | Iterator[bytes] | Response
Handler = Callable[[Request], Result]
"""What answers a request. Bytes and iterators are text in UTF-8; a `Response` can say otherwise."""
USUAL = tuple(sorted(KNOWN - {"TRACE"}))
"""All methods but the one that shows a page's script what the browser hides from it (RFC 9110, section 9.3.8)."""


def application(handler: Handler, *, methods: Iterable[str] = USUAL, limits: Limits | None = None) -> Speaker:
    """A web server whose answers a function makes: give it to `iomux.start(..., protocol=)`.

    methods: those that the handler gets; others get 405 or 501. limits: bytes and seconds of each client. An exception
    of the handler is logged, and its client gets 500. HEAD is the handler's too: a body that it gives is left out.

    Example:
    >>> from iomux.protocols.http import application
    >>> connection = application(lambda request: request.path.encode())(now=0.0, say=print)
    >>> connection.feed(b"GET /a%20b HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", now=0.0).splitlines()[-1]
    b'/a b'
    """
    return Speaker(service(_answering(handler), methods, limits or Limits()))


def _answering(handler: Handler) -> Callable[[Request], Answer]:
    def respond(request: Request) -> Answer:
        try:
            result = handler(request)
            if type(result) is bytes:
                return 200, TEXT, result, len(result)
            return ready(result if isinstance(result, Response) else Response(result))
        except Exception:  # a handler's error ends only its request, and is logged
            log_error()
            return text(500, "the handler failed")

    return respond
