"""One client's reset ends the server.

Bug: `recv` and `send` raise ConnectionResetError or BrokenPipeError when the other side has gone; nobody catches it.
Symptom: a traceback in the night, every client gone. Published: tcp(7) (ECONNRESET), send(2) (EPIPE); the select
examples of many tutorials have no `except` around `recv`.
Cure: an error of a client's socket is the end of that client.
"""

import socket
from typing import NoReturn

from iomux.course.clinic.loop import Client, pay, run, take, wanted
from iomux.servers.connection import OVER, READ, Handler, echo


def turn(client: Client, handler: Handler) -> int:
    """One turn of a client: send, read, send."""
    if client.owed:
        pay(client)
    if wanted(client) & READ:
        take(client, handler)
        pay(client)
    return wanted(client)


def cured_turn(client: Client, handler: Handler) -> int:
    """One turn of a client: send, read, send. A client that was lost is over."""
    try:
        if client.owed:
            pay(client)
        if wanted(client) & READ:
            take(client, handler)
            pay(client)
    except OSError:
        return OVER
    return wanted(client)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Sick. Never returns."""
    run(listener, handler, turn)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Cured. Never returns."""
    run(listener, handler, cured_turn)
