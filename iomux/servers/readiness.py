"""The event loop that select, poll and epoll share: sleep until some socket is ready, then serve it.

The loop asks one question, `poller.poll()`: which of the descriptors on the *interest list* can be read
or written without waiting? While there is none the process sleeps in the kernel and costs nothing. One
thread serves every client, because no call but `poll` ever waits.

A *poller* is any object with the four methods of `select.poll()` and `select.epoll()` objects:
`register(fd, events)`, `modify(fd, events)`, `unregister(fd)`, `poll()`. So those two are pollers as they
are, the loop under all three is the same, and between their curves only the mechanism differs.

Cost: a system call a wake-up, shared by all that became ready together, and the poller's own.
"""

import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from iomux.connection import OVER, READ, Connection, Handler
from iomux.sockets import RETRY_SECONDS, SHORTAGE, accept_pending


class Poller(Protocol):
    """The part of `select.poll` and `select.epoll` objects that the loop uses (the library reference, select)."""

    def register(self, fd: int, eventmask: int, /) -> Any:
        """Put a descriptor on the interest list; ValueError or OSError where the mechanism can't watch it."""

    def modify(self, fd: int, eventmask: int, /) -> Any:
        """Change what is asked about a descriptor."""

    def unregister(self, fd: int, /) -> Any:
        """Take a descriptor off the interest list."""

    def poll(self) -> list[tuple[int, int]]:
        """Wait until something is ready; return the ready descriptors, each with what it is ready for."""


class Clients:
    """The clients of one server: admitted, watched, let go. `interest` is what a new one is watched for."""

    def __init__(self, listener: socket.socket, handler: Handler, poller: Poller, interest: int = READ) -> None:
        self.connections: dict[int, Connection] = {}
        self.turns: dict[int, Callable[[], bool]] = {listener.fileno(): self.accept}
        """What to call when a descriptor is ready; true where its interest has changed."""
        self._listener = listener
        self._handler = handler
        self._poller = poller
        self._interest = interest
        self._refused = False
        self._accepting = True
        listener.setblocking(False)
        poller.register(listener.fileno(), READ)

    def accept(self) -> bool:
        """Admit every waiting client; at the descriptor limit stop listening until one of ours has left."""
        try:
            for client in accept_pending(self._listener):
                self._admit(client)
        except OSError as error:
            if error.errno not in SHORTAGE:
                raise
            self._pause()
        return False

    def settle(self, fd: int) -> None:
        """Tell the poller that a client's interest has changed; let the client go if none is left."""
        connection = self.connections[fd]
        if connection.interest == OVER:
            self.close(fd)
        else:
            self._poller.modify(fd, connection.interest)

    def close(self, fd: int) -> None:
        """Let a client go. Unregistered first: a descriptor's number is given to the next client at once."""
        self._poller.unregister(fd)
        del self.turns[fd]
        self.connections.pop(fd).close()
        if not self._accepting:
            self._poller.register(self._listener.fileno(), READ)
            self._accepting = True

    def _admit(self, client: socket.socket) -> None:
        fd = client.fileno()
        try:
            self._poller.register(fd, self._interest)
        except (ValueError, OSError) as error:
            client.close()
            if not self._refused:
                print(f"iomux: a client was refused, and others may be: {error}", file=sys.stderr, flush=True)
            self._refused = True
        else:
            self.connections[fd] = connection = Connection(client, self._handler)
            self.turns[fd] = connection.advance

    def _pause(self) -> None:
        # The listener stays readable while a client waits in the backlog: watched, it would wake us for ever.
        if self.connections:
            self._poller.unregister(self._listener.fileno())
            self._accepting = False
        else:
            time.sleep(RETRY_SECONDS)  # not ours to free: others hold the descriptors


def run(listener: socket.socket, handler: Handler, poller: Poller) -> NoReturn:
    """Serve every client of `listener` from one thread, woken by a level-triggered `poller`. Never returns."""
    clients = Clients(listener, handler, poller)
    turns = clients.turns
    while True:
        for fd, _ in poller.poll():
            if turns[fd]():
                clients.settle(fd)
