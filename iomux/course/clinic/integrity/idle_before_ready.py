"""Time limits looked at before those who are ready: a client that has spoken in time is let go.

Bug: a round ends with the clients whose limit is over, and only then reads from those who are ready. If the server
was held up (a slow handler, a full machine), their bytes have been in the kernel for long, and it has not looked.
Symptom: after every stall clients lose their connections, and a request with them, although each of them was quick.
Published: zeroc-ice/ice pull request 2320, whose idle check looks for unread bytes first. Cure: serve those who are
ready, then look at the limits.
"""

import math
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from iomux.course.clinic.limited import Ready
from iomux.course.clinic.loop import Clients, admit, begin, drop, settle, turn
from iomux.servers.connection import Handler, echo
from iomux.servers.readiness import Poller

IDLE_SECONDS = 0.3


@dataclass(slots=True)
class Room:
    """The server's clients, and until when each of them may be silent."""

    listener: socket.socket
    handler: Handler
    poller: Poller
    clients: Clients
    until: dict[int, float] = field(default_factory=dict)


def after_waking(room: Room, ready: Ready) -> None:
    """One round."""
    let_go(room)
    give_turns(room, ready)


def cured_after_waking(room: Room, ready: Ready) -> None:
    """One round."""
    give_turns(room, ready)
    let_go(room)


def let_go(room: Room) -> None:
    """Drop the clients whose time is over."""
    now = time.monotonic()
    for fd in [fd for fd, until in room.until.items() if until <= now]:
        drop(room.poller, room.clients, fd)
        del room.until[fd]


def give_turns(room: Room, ready: Ready) -> None:
    """Serve those who are ready; they, and those who are new, have their whole time again."""
    for fd, _ in ready:
        if fd == room.listener.fileno():
            admit(room.listener, room.poller, room.clients)
        elif fd in room.clients:
            settle(room.listener, room.poller, room.clients, fd, turn(room.clients[fd], room.handler))
            room.until.pop(fd)
    later = time.monotonic() + IDLE_SECONDS
    room.until |= dict.fromkeys(room.clients.keys() - room.until.keys(), later)


def run(listener: socket.socket, handler: Handler, after_waking: Callable[[Room, Ready], None]) -> NoReturn:
    """Serve, and let go whoever is silent for too long."""
    room = Room(listener, handler, *begin(listener, select.poll()))
    while True:
        first = min(room.until.values(), default=math.inf) - time.monotonic()
        after_waking(room, room.poller.poll(None if first == math.inf else max(0.0, 1000 * first)))


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    run(listener, handler, after_waking)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    run(listener, handler, cured_after_waking)
