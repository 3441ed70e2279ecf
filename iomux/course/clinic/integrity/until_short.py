"""Blocking reads until one comes back short: a message of exactly the buffer's size hangs the server.

Bug: the socket is read again as long as the buffer was filled. Readiness promises one `recv`, not two: the second one
waits for bytes that never come. Symptom: some sizes hang, all others work (here: multiples of 1,000).
Published: select(2), BUGS (a ready descriptor may block after all: use O_NONBLOCK); Stevens, UNIX Network Programming,
16.6. Cure: nonblocking sockets, one read per turn.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import Handler, echo

_BUFFER_BYTES = 1000


def read(client: Client, handler: Handler) -> None:
    """Read until a piece is shorter than the buffer."""
    client.sock.setblocking(True)
    data = piece = client.sock.recv(_BUFFER_BYTES)
    while len(piece) == _BUFFER_BYTES:
        piece = client.sock.recv(_BUFFER_BYTES)
        data += piece
    client.sock.setblocking(False)
    client.ended = not data
    client.owed += handler(data) if data else b""


def cured_read(client: Client, handler: Handler) -> None:
    """Read once; the rest is reported again."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(_BUFFER_BYTES)
        client.ended = not data
        client.owed += handler(data) if data else b""


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, read=read))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
