"""Lost bytes: lines that a buffering reader has fetched, and that poll does not know of.

Bug: a buffered reader (here that of `makefile`) takes all that has come out of the kernel, and the server takes one
line of it per event. The other lines lie in the process. The descriptor has nothing to read any more, so no event
comes for them.

Symptom: of two lines that came together only the first is answered, until the client sends more. Published: Stevens,
UNIX Network Programming, 6.5 (stdio buffers and select); Perl's perlfunc, select; the same in TLS: Python's ssl,
"Notes on non-blocking sockets" (`SSLSocket.pending`). Cure: answer everything that one receive has returned.
"""

import contextlib
import io
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import CHUNK_BYTES, Handler, echo


def read(client: Client, handler: Handler) -> None:
    """Bug: one line per event, although the reader may have fetched more of them."""
    with contextlib.suppress(BlockingIOError):
        client.reader = client.reader or io.BufferedReader(socket.SocketIO(client.sock, "r"), CHUNK_BYTES)
        line = client.reader.readline()
        client.owed += handler(line) if line else b""
        client.ended = not line and not client.sock.recv(1, socket.MSG_PEEK)


def cured_read(client: Client, handler: Handler) -> None:
    """Correct: what one receive returned is answered now, line by line."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        for line in data.splitlines(keepends=True):
            client.owed += handler(line)
        client.ended = not data


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Echo, leaving lines in the reader's buffer. Never returns."""
    run(listener, handler, partial(turn, read=read))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Echo every line that has come. Never returns."""
    run(listener, handler, partial(turn, read=cured_read))
