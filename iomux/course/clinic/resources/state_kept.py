"""A leak: what was set up for a client stays when it has gone.

Bug: a table with a place for each visit is filled at `accept` and never emptied.
Symptom: memory grows with the number of visits, for days, and never shrinks. Commonly found wherever a table is filled
in one function and emptied in another; Python's `tracemalloc` is there to find it. A reference is all it takes.
Cure: every way in has its way out.
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
    """Let every waiting client in, and set up a buffer for each."""
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
    """Without it. Never returns."""
    run(listener, handler, admit=admit, drop=cured_drop)
