"""One `recv` is taken for one line: a protocol that works until the network splits the stream elsewhere.

Bug: a stream has no messages (RFC 9293, 3.8), but in every small test one `recv` returns exactly one line.
Symptom: half lines are answered, two lines are taken for one. `iomux.check` cannot find it: it compares bytes, and
lines are part of the protocol. Published: S. Cleary, "Message Framing" (2009); the Socket Programming HOWTO of Python.
Cure: keep the received bytes until they hold a whole line.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import CHUNK_BYTES, Handler, echo


def read(client: Client, handler: Handler) -> None:
    """Take one read for a line; owe the handler's answer, as a line."""
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
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
