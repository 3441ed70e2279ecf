"""A backlog of 5: in a burst of clients some wait for a second, and nobody knows why.

Bug: `listen(5)`, as examples have it since 4.2BSD. The kernel drops the handshake of a client for which the queue has
no room, and the client tries again after a second. Symptom: most clients connect at once, some after 1 s or more, and
the server is idle; `nstat TcpExtListenOverflows` counts. `iomux.check` finds no fault: the kernel drops them.
Published: Python's Socket Programming HOWTO and socketserver (`request_queue_size = 5`); pyftpdlib issue 297; Stevens,
UNIX Network Programming, 4.5. Cure: a large number; the kernel cuts it to net.core.somaxconn (listen(2)).
"""

import socket
from typing import NoReturn

from iomux.course.clinic.loop import run
from iomux.servers.connection import Handler, echo
from iomux.system.sockets import BACKLOG


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    listener.listen(5)
    run(listener, handler)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    listener.listen(BACKLOG)
    run(listener, handler)
