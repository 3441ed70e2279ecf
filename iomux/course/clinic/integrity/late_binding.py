"""Callbacks created in a loop all serve the last client.

Bug: a lambda looks up its names when it is called, not when it is created: all of them find the last `client`.
Symptom: one client works; with two, the first gets no answer. Published: Python's Programming FAQ, "Why do lambdas
defined in a loop with different values all return the same result?"; ruff and flake8-bugbear B023.
Cure: bind the value at once, with functools.partial.
"""

import select
import socket
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import admit, begin, settle, turn
from iomux.servers.connection import Handler, echo


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    poller, clients = begin(listener, select.poll())
    turns: dict[int, Callable[[], int]] = {}
    while True:
        for fd, _ in poller.poll(None):
            if fd in clients:
                settle(listener, poller, clients, fd, turns[fd]())
                if fd not in clients:
                    del turns[fd]
                continue
            admit(listener, poller, clients)
            for new in clients.keys() - turns.keys():
                client = clients[new]
                turns[new] = lambda: turn(client, handler)  # noqa: B023 (the planted bug)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    poller, clients = begin(listener, select.poll())
    turns: dict[int, Callable[[], int]] = {}
    while True:
        for fd, _ in poller.poll(None):
            if fd in clients:
                settle(listener, poller, clients, fd, turns[fd]())
                if fd not in clients:
                    del turns[fd]
                continue
            admit(listener, poller, clients)
            for new in clients.keys() - turns.keys():
                client = clients[new]
                turns[new] = partial(turn, client, handler)
