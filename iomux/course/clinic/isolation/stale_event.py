"""An event that is looked at twice: by then its number belongs to another client.

Bug: a batch of events is gone through twice, for reading, then for hang-ups, and both times by number. In the first
pass a client that has reset is closed, and a newcomer is accepted, to whom the kernel gives the number; the second
pass finds the former owner's hang-up, and closes the newcomer. Symptom: now and then, as others leave, a new client is
closed without a word. Published: epoll(7), "Possible pitfalls" (event cache); libuv's `uv__platform_invalidate_fd`
strikes a closed number from the batch; nginx marks each event with its connection's instance. Cure: note whose event
it is before the first of the batch is handled.
"""

import select
import socket
from collections.abc import Callable, Sequence
from typing import NoReturn

from iomux.course.clinic.loop import Client, Clients, admit, begin, drop, settle, turn
from iomux.servers.connection import Handler, echo

_GONE = select.EPOLLERR | select.EPOLLHUP if hasattr(select, "EPOLLERR") else 0
Batch = Sequence[tuple[int, int, Client | None]]
"""Of each event the number, what has happened, and whose it was when the batch came."""


def gone(batch: Batch, clients: Clients) -> list[int]:
    """The numbers of the clients that have hung up."""
    return [fd for fd, events, _ in batch if events & _GONE and fd in clients]


def cured_gone(batch: Batch, clients: Clients) -> list[int]:
    """The numbers of those that have hung up, where they still belong to the same client."""
    return [fd for fd, events, client in batch if events & _GONE and client and clients.get(fd) is client]


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    _run(listener, handler, gone)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    _run(listener, handler, cured_gone)


def _run(listener: socket.socket, handler: Handler, gone: Callable[[Batch, Clients], list[int]]) -> NoReturn:
    poller, clients = begin(listener, select.epoll())
    while True:
        batch = [(fd, events, clients.get(fd)) for fd, events in poller.poll(None)]
        for fd, _, client in batch:
            if client:
                settle(listener, poller, clients, fd, turn(client, handler))
            else:
                admit(listener, poller, clients)
        for fd in gone(batch, clients):
            drop(poller, clients, fd)
