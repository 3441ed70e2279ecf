"""One client's reset ends the server.

Bug: `recv` and `send` raise ConnectionResetError or BrokenPipeError when the client has gone, and nothing catches it.
Symptom: one traceback, and the server and all its clients are gone. Published: tcp(7) (ECONNRESET), send(2) (EPIPE);
the select examples of many tutorials have no `except` around `recv`.
Cure: an error of a client's socket ends only that client.
"""

import socket
from typing import NoReturn

from iomux.course.clinic.loop import Client, interest_of, read, run, send_owed
from iomux.servers.connection import OVER, READ, Handler, echo


def turn(client: Client, handler: Handler) -> int:
    """One turn of a client: send, read, send."""
    if client.owed:
        send_owed(client)
    if interest_of(client) & READ:
        read(client, handler)
        send_owed(client)
    return interest_of(client)


def cured_turn(client: Client, handler: Handler) -> int:
    """One turn of a client: send, read, send. An error of its socket ends the client."""
    try:
        if client.owed:
            send_owed(client)
        if interest_of(client) & READ:
            read(client, handler)
            send_owed(client)
    except OSError:
        return OVER
    return interest_of(client)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, turn)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, cured_turn)
