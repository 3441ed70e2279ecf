"""Four workers, and one of them gets nearly all clients.

Bug: each worker hangs an exclusive entry on the listener's wait queue and leaves it there. The kernel wakes the first
sleeper of that queue, and always begins with the same one. Symptom: one process is busy and three are not; what
one of its clients keeps it busy with, nearly all others wait for. Published: M. Majkowski, "Why does one NGINX worker
take all the load?" (2017); mended in nginx 1.21.6. Cure: take the entry off and put it on again, behind the others,
when a client was accepted; or a listener for each worker (SO_REUSEPORT), which spreads them by a hash.
"""

import os
import select
import socket
from collections.abc import Callable
from typing import NoReturn

from iomux.course.clinic.loop import Clients, run_beside, take_all
from iomux.servers.connection import READ, Handler, echo
from iomux.servers.readiness import Poller

_WORKERS = 4
_EXCLUSIVE = READ | select.EPOLLEXCLUSIVE if hasattr(select, "EPOLLEXCLUSIVE") else READ
Admit = Callable[[socket.socket, Poller, Clients], None]


def admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept who waits."""
    take_all(listener, poller, clients)


def cured_admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept who waits; then stand at the end of the listener's queue."""
    take_all(listener, poller, clients)
    poller.unregister(listener.fileno())
    poller.register(listener.fileno(), _EXCLUSIVE)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    _run(listener, handler, admit)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    _run(listener, handler, cured_admit)


def _run(listener: socket.socket, handler: Handler, admit: Admit) -> NoReturn:
    listener.setblocking(False)
    for _ in range(_WORKERS - 1):
        if os.fork() == 0:
            break
    poller, clients = select.epoll(), Clients()  # after the fork: each has its own
    poller.register(listener.fileno(), _EXCLUSIVE)
    run_beside(poller, clients, handler, lambda _: admit(listener, poller, clients))
