"""EAGAIN is taken for an error: a client that reads slowly loses its connection.

Bug: `except OSError` also catches its subclass `BlockingIOError`: "try again" ends the client.
Symptom: large answers break off, and only for slow clients. Published: send(2), EAGAIN; Python's exception hierarchy
(BlockingIOError is an OSError); asked again and again as "Resource temporarily unavailable".
Cure: EAGAIN is an answer ("not now"): keep the bytes, wait for room.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import Handler, echo


def send_owed(client: Client) -> None:
    """Send what is owed; the caller treats every OSError as the end of this client."""
    while client.owed:
        del client.owed[: client.sock.send(client.owed)]


def cured_send_owed(client: Client) -> None:
    """Send what is owed, until the kernel takes no more."""
    with contextlib.suppress(BlockingIOError):
        while client.owed:
            del client.owed[: client.sock.send(client.owed)]


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, send_owed=send_owed))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, send_owed=cured_send_owed))
