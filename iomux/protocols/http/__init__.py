"""HTTP/1.1 (RFC 9110, RFC 9112) as a protocol object for each client, which any server can carry.

`site(folder)` serves files, `application(handler)` the answers of a function. Neither does any I/O on a socket: they
are fed bytes and give bytes, so the same object runs under select, epoll, threads and io_uring. For learning: no TLS,
no HTTP/2, no compression, and what a handler needs beyond a request is the handler's business.
"""

from iomux.protocols.http.dynamic import application
from iomux.protocols.http.folder import site
from iomux.protocols.http.request import Request
from iomux.protocols.http.response import Response
from iomux.protocols.http.service import Limits

__all__ = ["Limits", "Request", "Response", "application", "site"]
