"""EMFILE is ignored: at the descriptor limit the server spins.

Bug: `accept` fails, the client stays in the backlog, the listener stays readable, and the loop tries again at once.
Symptom: 100 % of a core, endless `accept4(...) = -1 EMFILE` in strace. Published: accept(2); libev's manual, "The
special problem of accept()ing when you can't"; ranch issue 36, nanomsg issue 152, wai issue 928.
Cure: stop watching the listener until a descriptor is free (`settle` watches it again when a client has left).
"""

import socket
from typing import NoReturn

from iomux.course.clinic.loop import Client, Clients, run
from iomux.course.clinic.loop import admit as cured_admit
from iomux.servers.connection import READ, Handler, echo
from iomux.servers.readiness import Poller
from iomux.system.sockets import SHORTAGE, accept_pending


def admit(listener: socket.socket, poller: Poller, clients: Clients, interest: int = READ) -> None:
    """Accept every waiting client."""
    try:
        for sock in accept_pending(listener):
            clients[sock.fileno()] = Client(sock)
            poller.register(sock.fileno(), interest)
    except OSError as error:
        if error.errno not in SHORTAGE:
            raise


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, admit=admit)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, admit=cured_admit)
