"""No back-pressure: the server keeps everything that a client does not read, without bound.

Bug: the loop goes on reading from a client while it owes that client more and more.
Symptom: memory grows as fast as one client can send, until the system ends the process. Published: CPython issue 116279
(StreamWriter without `drain`); N. J. Smith, "Some thoughts on asynchronous API design in a post-async/await world"
(2016); Node.js, "Backpressuring in Streams". Cure: above a high-water mark don't read; TCP's window stops the sender.
"""

import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.course.clinic.loop import interest_of as cured_interest_of
from iomux.servers.connection import OVER, READ, WRITE, Handler, echo


def interest_of(client: Client) -> int:
    """What to wait for."""
    if client.ended:
        return WRITE if client.owed else OVER
    return READ | WRITE if client.owed else READ


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, interest_of=interest_of))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, interest_of=cured_interest_of))
