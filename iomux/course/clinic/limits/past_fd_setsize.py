"""The 1,024th descriptor ends a select server.

Bug: select's sets are bit masks with room for FD_SETSIZE numbers; Python raises ValueError for the next one, in the
loop, where nothing catches it. Symptom: 1,000 clients are served, and with a few more the server ends for all of them.
Published: select(2), WARNING; Python's "filedescriptor out of range in select()".
Cure: close the connection of that client and go on; or use poll or epoll.
"""

import socket
from typing import NoReturn

from iomux.course.clinic import loop as loop
from iomux.course.clinic.loop import Clients, run
from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import Poller
from iomux.servers.select_ import SelectPoller


def admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept every waiting client."""
    loop.admit(listener, poller, clients)


def cured_admit(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept every waiting client; close the connection of one that select cannot watch."""
    try:
        loop.admit(listener, poller, clients)
    except ValueError:
        clients.popitem()[1].sock.close()


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, admit=admit, poller=SelectPoller())


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, admit=cured_admit, poller=SelectPoller())
