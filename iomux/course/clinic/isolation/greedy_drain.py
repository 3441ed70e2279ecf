"""Read until EAGAIN, however much there is: one client that always has more starves the others.

Bug: a loop around `recv` with no bound. A client that sends as fast as it is read from is never done.
Symptom: one upload, and everybody else waits. Published: epoll(7), "Possible pitfalls": starvation.
Cure: a bounded read a turn; what is left is reported again (level-triggered), or kept on a list of one's own.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, interest_of, run, send_owed, turn
from iomux.servers.connection import CHUNK_BYTES, READ, Handler, echo


def read(client: Client, handler: Handler) -> None:
    """Read all there is; answer."""
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
    """Without it. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
