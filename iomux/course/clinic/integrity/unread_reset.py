"""A close with unread input: the reset that it sends destroys the answer.

Bug: a server that answers before it has read all (a request that is too large, a refusal) closes at once. `close` with
bytes unread sends a reset (RFC 2525, 2.17), and a reset throws away what is still on its way to the client.
Symptom: clients that send much get half an answer and ECONNRESET; small requests work. `iomux.check` cannot find it: an
echo that reads to the end has nothing unread. Published: RFC 9112, 9.6; cherrypy issue 622, Rocket issue 2783; the
"lingering close" of Apache and nginx.
Cure: close in stages: end the own stream, read until the client ends its own, for a bounded time, then close.
"""

import contextlib
import socket
from typing import NoReturn

from iomux.servers.blocking import accept_one
from iomux.servers.connection import Handler, echo

_REQUEST_BYTES = 4096
_LINGER_SECONDS = 2.0  # between two reads; a server on the open net bounds the whole, too


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    while True:
        with accept_one(listener) as client, contextlib.suppress(OSError):
            client.sendall(handler(client.recv(_REQUEST_BYTES)))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    while True:
        with accept_one(listener) as client, contextlib.suppress(OSError):
            client.sendall(handler(client.recv(_REQUEST_BYTES)))
            client.shutdown(socket.SHUT_WR)
            client.settimeout(_LINGER_SECONDS)
            while client.recv(_REQUEST_BYTES):
                pass
