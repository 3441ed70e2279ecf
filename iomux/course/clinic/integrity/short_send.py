"""`send` is taken for complete: a slow reader loses bytes.

Bug: on a nonblocking socket `send` takes what fits into the kernel's buffer, and its return value is ignored.
Symptom: small messages work for years; large ones, or those to a slow reader, have gaps. Published: send(2); Beej's
Guide to Network Programming, "Handling Partial send()s"; the Socket Programming HOWTO of Python ("Using a Socket").
Cure: keep the rest, and send it when the socket is writable.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import Handler, echo


def send_owed(client: Client) -> None:
    """Send once, and assume that everything was sent."""
    with contextlib.suppress(BlockingIOError):
        client.sock.send(client.owed)
        client.owed.clear()


def cured_send_owed(client: Client) -> None:
    """Send what the kernel takes of what is owed."""
    with contextlib.suppress(BlockingIOError):
        sent = client.sock.send(client.owed)
        del client.owed[:sent]


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, send_owed=send_owed))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, send_owed=cured_send_owed))
