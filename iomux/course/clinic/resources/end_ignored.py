"""The end of a stream is ignored: a client that has left makes the server spin.

Bug: `recv` returns no bytes, the loop does nothing and polls again; a socket at the end of its stream stays readable.
Symptom: a core at 100 % from the first client that leaves, without any message. Published: cocos2d-x issue 18620
("consumes 100% of CPU"), libfabric pull request 1132 (disconnected sockets, a spin under select); recv(2), RETURN
VALUE.
Cure: an empty read is the end of the stream; send what is owed, then close.
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
    """Read once; owe the answer, or record the end of the stream."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        if data:
            client.owed += handler(data)
        client.ended = not data


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, read=read))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
