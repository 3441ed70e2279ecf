"""One `recv` is taken for one line: a protocol that works until the network cuts elsewhere.

Bug: a stream has no messages (RFC 9293, 3.8), and whoever takes what one `recv` returned for a line is right in every
small test. Symptom: half lines answered, two lines taken for one. Not for `iomux.check`: it knows of bytes only, a line
is the protocol's own. Published: S. Cleary, "Message Framing" (2009); the Socket Programming HOWTO of Python.
Cure: keep what has come until it holds a whole line.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import CHUNK_BYTES, Handler, echo


def read(client: Client, handler: Handler) -> None:
    """Read a line; owe the handler's answer to it, as a line."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        client.ended = not data
        for line in [data.rstrip(b"\n")] if data else []:
            client.owed += handler(line) + b"\n"


def cured_read(client: Client, handler: Handler) -> None:
    """Read; owe the handler's answer to each whole line, keep the rest."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        client.ended = not data
        *lines, client.kept = (client.kept + data).split(b"\n")
        for line in lines:
            client.owed += handler(line) + b"\n"


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, read=read))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Without it. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
