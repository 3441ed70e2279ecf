"""One client's reset ends the server.

Bug: `recv` and `send` raise ConnectionResetError or BrokenPipeError when the other side has gone; nobody catches it.
Symptom: a traceback in the night, every client gone. Published: tcp(7) (ECONNRESET), send(2) (EPIPE); the select
examples of many tutorials have no `except` around `recv`.
Cure: an error of a client's socket is the end of that client.
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
    """One turn of a client: send, read, send. A client that was lost is over."""
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
    """Without it. Never returns."""
    run(listener, handler, cured_turn)
