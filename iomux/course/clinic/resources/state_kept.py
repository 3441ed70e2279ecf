"""A leak: the state of a client is kept after the client has left.

Bug: a table gets an entry at each `accept`, and no entry is ever removed.
Symptom: memory grows with the number of connections made, for days, and never shrinks. Commonly found wherever a table
is filled in one function and emptied in another; Python's `tracemalloc` finds it. One reference is enough.
Cure: remove the entry when the client leaves.
"""

import socket
from typing import NoReturn

from iomux.course.clinic import loop as loop
from iomux.course.clinic.loop import Client, Clients, run
from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import Poller

_BUFFER_BYTES = 4096
_buffers: dict[int, tuple[Client, bytearray]] = {}
"""A client and its buffer, by the client's id()."""


def admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept every waiting client, and set up a buffer for each."""
    known = set(clients)
    loop.admit(listener, poller, clients)
    for fd in clients.keys() - known:
        client = clients[fd]
        _buffers[id(client)] = client, bytearray(_BUFFER_BYTES)


def drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Unregister, close."""
    loop.drop(poller, clients, fd)


def cured_drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Unregister, close, forget."""
    _buffers.pop(id(clients[fd]))
    loop.drop(poller, clients, fd)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, admit=admit, drop=drop)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, admit=admit, drop=cured_drop)
