"""A listener that is closed with clients in its queue: they were connected, and are reset.

Bug: a worker that has served its time is replaced. The next one listens on the same port (SO_REUSEPORT) before the
last one closes its listener, so no client is refused. But who waits in the queue of the closed one is lost.
Symptom: at each restart, under load, some clients find "connection reset". Published: net.ipv4.tcp_migrate_req in the
kernel's ip-sysctl document; "True Zero Downtime HAProxy Reloads" (Yelp, 2015). Cure: the listening socket outlives the
worker, and the next one inherits it, with its queue.
"""

import select
import socket
from collections.abc import Callable
from typing import NoReturn

from iomux.course.clinic.loop import Clients, run_beside, take_one
from iomux.servers.connection import READ, Handler, echo
from iomux.system.sockets import BACKLOG

Replace = Callable[[socket.socket], socket.socket]


def replace(listener: socket.socket) -> socket.socket:
    """Listen on the same port with another socket, and close this one; return the other."""
    other = _beside(listener)
    listener.close()
    return other


def cured_replace(listener: socket.socket) -> socket.socket:
    """Pass the socket on."""
    return listener


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    _run(listener, handler, replace)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    _run(listener, handler, cured_replace)


def _run(listener: socket.socket, handler: Handler, replace: Replace) -> NoReturn:
    """A worker is replaced after each client: so the queue is seldom empty when it happens."""
    poller, clients = select.poll(), Clients()

    def admit(fd: int) -> None:
        nonlocal listener
        take_one(listener, poller, clients)
        poller.unregister(fd)
        listener = replace(listener)
        poller.register(listener.fileno(), READ)

    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setblocking(False)
    poller.register(listener.fileno(), READ)
    run_beside(poller, clients, handler, admit)


def _beside(listener: socket.socket) -> socket.socket:
    """Another listening socket on the same port."""
    other = socket.socket(listener.family)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    other.setblocking(False)
    other.bind(listener.getsockname())
    other.listen(BACKLOG)
    return other
