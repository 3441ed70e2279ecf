"""A half-close is taken for the end of the connection: bytes that the client is owed are dropped.

Bug: when `recv` returns no bytes the socket is closed, although an answer is not sent yet.
Symptom: `printf ... | nc -N` gets half of a large answer. Published: shutdown(2); RFC 9293, 3.6.1 (half-closed);
Stevens, UNIX Network Programming, 6.5 to 6.7 (the batch input that `shutdown` cures).
Cure: close when both directions are done: the client has ended its stream, and nothing is owed.
"""

import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import HIGH_WATER_BYTES, OVER, READ, WRITE, Handler, echo


def interest_of(client: Client) -> int:
    """What to wait for."""
    if client.ended:
        return OVER
    if len(client.owed) >= HIGH_WATER_BYTES:
        return WRITE
    return READ | WRITE if client.owed else READ


def cured_interest_of(client: Client) -> int:
    """What to wait for: after the end of its stream, until nothing is owed."""
    if client.ended:
        return WRITE if client.owed else OVER
    if len(client.owed) >= HIGH_WATER_BYTES:
        return WRITE
    return READ | WRITE if client.owed else READ


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, interest_of=interest_of))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, interest_of=cured_interest_of))
