"""One accept a turn: in a storm of new clients each waits for a whole round of all others.

Bug: the loop accepts one client for each notification of the listener. While the old clients are busy, every turn of
the loop serves all of them and lets in one. Symptom: the busier the server, the longer the backlog; new clients wait,
and at last their handshakes are dropped (a second late). `iomux.check` finds no fault: all are served in the end.
Published: T. Brecht et al., "accept()able Strategies for Improving Web Server Performance" (USENIX 2004); nginx's
`multi_accept`. Cure: accept until EAGAIN, in bounded batches, or a storm starves the old clients.
"""

import itertools
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Clients, run, take
from iomux.servers.connection import OVER, Handler, echo
from iomux.servers.readiness import Poller
from iomux.system.sockets import SHORTAGE, accept_pending

_BATCH = 256


def admit(most: int, listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept the clients that wait, but only so many."""
    try:
        for sock in itertools.islice(accept_pending(listener), most):
            take(sock, poller, clients)
    except OSError as error:
        if error.errno not in SHORTAGE:
            raise
        poller.modify(listener.fileno(), OVER)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, admit=partial(admit, 1))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, admit=partial(admit, _BATCH))
