"""Edge-triggered, with one accept per notification: who came at the same moment as another waits in the backlog.

Bug: with EPOLLET one notification about the listener stands for all who have come since; one accept takes one of them.
Symptom: under a storm clients are connected and get no answer, until others come, one for one; the backlog never
empties again. Published: epoll(7), which allows to wait for an event only after EAGAIN; mio's `Poll`, "Draining
readiness". Cure: accept until EAGAIN.
"""

import select
import socket
from typing import NoReturn

from iomux.course.clinic.loop import Clients, run_beside, take_all, take_one
from iomux.servers.connection import READ, Handler, echo
from iomux.servers.readiness import Poller


def admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept one client."""
    take_one(listener, poller, clients)


def cured_admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept until EAGAIN."""
    take_all(listener, poller, clients)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    poller, clients = _edge(listener), Clients()
    run_beside(poller, clients, handler, lambda _: admit(listener, poller, clients))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    poller, clients = _edge(listener), Clients()
    run_beside(poller, clients, handler, lambda _: cured_admit(listener, poller, clients))


def _edge(listener: socket.socket) -> Poller:
    """An epoll object that watches the listener edge-triggered."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener.fileno(), READ | select.EPOLLET)
    return poller
