"""A closed descriptor with a duplicate: epoll goes on reporting it.

Bug: the server relies on `close` to take a descriptor off the interest list. That happens only when the last duplicate
(dup, fork, a handle kept elsewhere) is closed, and until then it cannot be taken off: its number is gone.
Symptom: epoll_wait returns at once, for ever, for a client that the server no longer has. Published: epoll(7),
"Questions and answers"; M. Majkowski, "Epoll is fundamentally broken 2/2" (2017). Cure: unregister, then close.
"""

import contextlib
import select
import socket
from collections import deque
from typing import NoReturn

from iomux.course.clinic.loop import Clients, run
from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import Poller

_recent_sockets: deque[socket.socket] = deque(maxlen=8)
"""Duplicates, as a log, a helper process or a stream object may keep them."""


def drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Keep a duplicate, and close."""
    sock = clients.pop(fd).sock
    _duplicate_and_close(sock)


def cured_drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Unregister; then keep a duplicate, and close."""
    poller.unregister(fd)
    sock = clients.pop(fd).sock
    _duplicate_and_close(sock)


def _duplicate_and_close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # no free descriptor, or the client has already gone
        _recent_sockets.append(sock.dup())
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, drop=drop, poller=select.epoll())


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, drop=cured_drop, poller=select.epoll())
