"""A blocking `sendall` inside an event loop: one client that does not read stops all others.

Bug: to avoid EAGAIN the socket is made blocking for the answer. `sendall` then waits for this one client.
Symptom: all clients hang while one reader is slow; no processor time is used. Published: select(2) and
fcntl(2), O_NONBLOCK; Stevens, UNIX Network Programming, 16 ("Nonblocking I/O").
Cure: wait only in the poller: send what fits, keep the rest.
"""

import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.course.clinic.loop import send_owed as cured_send_owed
from iomux.servers.connection import Handler, echo


def send_owed(client: Client) -> None:
    """Send all that is owed, however long that takes."""
    client.sock.setblocking(True)
    client.sock.sendall(client.owed)
    client.sock.setblocking(False)
    client.owed.clear()


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, send_owed=send_owed))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, send_owed=cured_send_owed))
