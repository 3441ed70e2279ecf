"""Two small sends for one answer: 40 ms, from Nagle's algorithm and the delayed acknowledgement.

Bug: a header, then a body. Nagle's algorithm (RFC 896) holds the second small segment until the first is acknowledged;
the client delays that acknowledgement (RFC 1122, 4.2.3.2), as it has nothing to send. Symptom: the machine is
idle, and each request takes 40 ms (Linux, TCP_DELACK_MIN). Every byte comes back, late.
Published: seastar issue 968, async-h1 issue 199, S. Cheshire (2005). Cure: TCP_NODELAY (tcp(7)), or one send.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import Handler, echo

_HEADER_BYTES = 8


def send_owed(client: Client) -> None:
    """Send a header; send the rest."""
    with contextlib.suppress(BlockingIOError):
        del client.owed[: client.sock.send(client.owed[:_HEADER_BYTES])]
        del client.owed[: client.sock.send(client.owed)]


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug, which is a new socket's default: accepted sockets inherit the option. Never returns."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    run(listener, handler, partial(turn, send_owed=send_owed))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    run(listener, handler, partial(turn, send_owed=send_owed))
