"""Closed, but duplicated: epoll goes on reporting a descriptor that is no more.

Bug: `close` is trusted to take a descriptor off the interest list. It does so only when the last duplicate is closed
(dup, fork, a handle kept elsewhere), and then nobody can take it off any more: its number is gone.
Symptom: epoll_wait returns at once, for ever, for a client that nobody knows. Published: epoll(7), "Questions and
answers"; M. Majkowski, "Epoll is fundamentally broken 2/2" (2017). Cure: unregister, then close.
"""

import contextlib
import select
import socket
from collections import deque
from typing import NoReturn

from iomux.course.clinic.loop import Clients, run
from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import Poller

_last_visitors: deque[socket.socket] = deque(maxlen=8)
"""Duplicates, as a log, a helper process, or a stream object keeps them."""


def drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Remember the visitor, close."""
    sock = clients.pop(fd).sock
    _good_bye(sock)


def cured_drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Off the list; then remember the visitor, close."""
    poller.unregister(fd)
    sock = clients.pop(fd).sock
    _good_bye(sock)


def _good_bye(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # no descriptor to spare, or it has gone before us
        _last_visitors.append(sock.dup())
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, drop=drop, poller=select.epoll())


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Without it. Never returns."""
    run(listener, handler, drop=cured_drop, poller=select.epoll())
