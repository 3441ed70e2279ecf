"""State kept by descriptor number: the next client with the number gets the last one's bytes.

Bug: an entry in a table by number outlives its client. The kernel hands out the lowest free number (open(2), dup(2)),
so the next client gets it at once. Symptom: now and then a client reads another client's bytes. Published: epoll(7),
"Possible pitfalls" (an event cache must forget closed descriptors); for stale events of reused numbers, libuv and nginx
keep an instance mark. Cure: remove everything that belongs to a client together with the client.
"""

import socket
from collections import defaultdict
from functools import partial
from typing import NoReturn

from iomux.course.clinic import loop as loop
from iomux.course.clinic.loop import Client, Clients, run, turn
from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import Poller

_owed: defaultdict[int, bytearray] = defaultdict(bytearray)
"""What is owed, by descriptor."""


def read(client: Client, handler: Handler) -> None:
    """Read once; owe the answer, in the table."""
    client.owed = _owed[client.sock.fileno()]
    loop.read(client, handler)


def drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Unregister, close."""
    loop.drop(poller, clients, fd)


def cured_drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Unregister, close, forget."""
    loop.drop(poller, clients, fd)
    _owed.pop(fd, None)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, read=read), drop=drop)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, read=read), drop=cured_drop)
