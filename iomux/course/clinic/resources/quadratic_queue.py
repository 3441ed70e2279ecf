"""Wasted processor time: a queue of owed bytes that is copied at each send.

Bug: what the kernel did not take is cut out with a slice, and a slice is a copy of all that is left. An answer of n
bytes goes out in pieces, so the copies add up to the square of n.

Symptom: twice the answer takes four times the processor time; small answers show nothing. Published: CPython's
asyncore, `dispatcher_with_send.initiate_send` (`self.out_buffer = self.out_buffer[num_sent:]`). Cure: delete from the
front of a bytearray, which only moves its start.
"""

import contextlib
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.servers.connection import Handler, echo

PIECE_BYTES = 64 * 1024


def send_owed(client: Client) -> None:
    """Bug: the slice after the send copies everything that is still owed."""
    with contextlib.suppress(BlockingIOError):
        sent = client.sock.send(client.owed[:PIECE_BYTES])
        client.owed = client.owed[sent:]


def cured_send_owed(client: Client) -> None:
    """Correct: no byte is moved but those that are sent."""
    with contextlib.suppress(BlockingIOError):
        sent = client.sock.send(client.owed[:PIECE_BYTES])
        del client.owed[:sent]


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Echo, copying the queue at each send. Never returns."""
    run(listener, handler, partial(turn, send_owed=send_owed))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Echo, and move no byte twice. Never returns."""
    run(listener, handler, partial(turn, send_owed=cured_send_owed))
