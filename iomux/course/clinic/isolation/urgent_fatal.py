"""The third list of select: an urgent byte gets its client closed.

Bug: select calls its third set "exceptional conditions"; the server takes that for "errors" and closes the client. It
means urgent (out-of-band) data, POLLPRI under poll (fs/select.c, POLLEX_SET), and is no error at all.
Symptom: a client that sends one byte with MSG_OOB loses its connection. Published: select(2), exceptfds; tutorials that
pass `inputs` as the third list and close what comes back. Cure: leave the third list empty.
"""

import select
import socket
from typing import NoReturn

from iomux.course.clinic.loop import admit, begin, settle, turn
from iomux.servers.connection import OVER, READ, Handler, echo


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    poller, clients = begin(listener, select.poll())
    while True:
        for fd, condition in poller.poll(None):
            if fd not in clients:
                admit(listener, poller, clients, READ | select.POLLPRI)
            elif condition & select.POLLPRI:
                settle(listener, poller, clients, fd, OVER)
            else:
                settle(listener, poller, clients, fd, turn(clients[fd], handler))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    poller, clients = begin(listener, select.poll())
    while True:
        for fd, _ in poller.poll(None):
            if fd not in clients:
                admit(listener, poller, clients)
            else:
                settle(listener, poller, clients, fd, turn(clients[fd], handler))
