"""The end of a stream is not looked at: a client that has left spins the server.

Bug: `recv` returns no bytes, the loop finds nothing to do and asks again; a socket at its end is readable for ever.
Symptom: a core at 100 % from the first client that leaves, in silence. Published: cocos2d-x issue 18620 ("consumes 100%
of CPU"), libfabric pull request 1132 (disconnected sockets, a spin under select); recv(2), RETURN VALUE.
Cure: no bytes are the end; owe what is owed, then close.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import CHUNK_BYTES, Handler, echo


def read(client: Client, handler: Handler) -> None:
    """Read once; owe the answer."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        if data:
            client.owed += handler(data)


def cured_read(client: Client, handler: Handler) -> None:
    """Read once; owe the answer, or take note of the end."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        if data:
            client.owed += handler(data)
        client.ended = not data


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, read=read))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Without it. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
