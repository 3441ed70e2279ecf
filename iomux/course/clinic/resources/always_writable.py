"""Permanent interest in writing: the server never sleeps.

Bug: every client is watched for writing, although nothing is owed to it. A socket is nearly always writable.
Symptom: 100 % of a core as soon as one client is connected. Published: the documentation of Python's asyncore, whose
`writable()` returns True by default; poll(2), POLLOUT; epoll(7).
Cure: watch for writing only while something is owed.
"""

import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, run, turn
from iomux.course.clinic.loop import interest_of as cured_interest_of
from iomux.servers.connection import HIGH_WATER_BYTES, OVER, READ, WRITE, Handler, echo


def interest_of(client: Client) -> int:
    """What to wait for."""
    if client.ended or len(client.owed) >= HIGH_WATER_BYTES:
        return WRITE if client.owed else OVER
    return READ | WRITE


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, partial(turn, interest_of=interest_of))


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, partial(turn, interest_of=cured_interest_of))
