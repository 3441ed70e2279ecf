"""Read until EAGAIN, however much there is: one client that always has more starves the others.

Bug: a loop around `recv` without a bound. It never ends for a client that sends as fast as the server reads.
Symptom: during one upload all other clients wait. Published: epoll(7), "Possible pitfalls": starvation.
Cure: a bounded read per turn; the rest is reported again (level-triggered), or the server keeps a list of who has more.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, interest_of, run, send_owed, turn
from iomux.servers.connection import CHUNK_BYTES, READ, Handler, echo


def read(client: Client, handler: Handler) -> None:
    """Read everything that is there; answer."""
    with contextlib.suppress(BlockingIOError):
        while interest_of(client) & READ:
            data = client.sock.recv(CHUNK_BYTES)
            client.ended = not data
            client.owed += handler(data) if data else b""
            send_owed(client)


def cured_read(client: Client, handler: Handler) -> None:
    """Read once; answer."""
    with contextlib.suppress(BlockingIOError):
        if interest_of(client) & READ:
            data = client.sock.recv(CHUNK_BYTES)
            client.ended = not data
            client.owed += handler(data) if data else b""
            send_owed(client)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, read=read))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
