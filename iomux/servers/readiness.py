"""The event loop that select, poll and epoll share: sleep until some socket is ready, then serve it.

The loop asks one question, `poller.poll()`: which of the descriptors on the *interest list* can be read
or written without waiting? While there is none, the process sleeps in the kernel and uses no CPU time. One
thread serves every client, because no call but `poll` ever waits.

A *poller* is any object with the four methods of `select.poll()` and `select.epoll()` objects:
`register(fd, events)`, `modify(fd, events)`, `unregister(fd)`, `poll(timeout)`. So those two are used
directly, all three mechanisms run the same loop, and their measurements differ by the mechanism only.

Cost: one system call for each wake-up, shared by all descriptors ready at that time, and the poller's cost.
"""

import math
import socket
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any, NoReturn, Protocol

from iomux.servers.connection import OVER, READ, REFUSED, Connection, Handler, log_error
from iomux.servers.protocol import Speaks
from iomux.servers.protocol.idle import SPARE
from iomux.servers.protocol.speaker import Speaker
from iomux.servers.protocol.speakers import Speakers
from iomux.system.sockets import RETRY_SECONDS, SHORTAGE, accept_pending, descriptor_limit


class Poller(Protocol):
    """The part of `select.poll` and `select.epoll` objects that the loop uses (the library reference, select)."""

    def register(self, fd: int, eventmask: int, /) -> Any:
        """Put a descriptor on the interest list; raise ValueError or OSError if the mechanism can't watch it."""

    def modify(self, fd: int, eventmask: int, /) -> Any:
        """Change what a descriptor is watched for."""

    def unregister(self, fd: int, /) -> Any:
        """Take a descriptor off the interest list."""

    def poll(self, timeout: float | None, /) -> list[tuple[int, int]]:
        """Wait until something is ready; return the ready descriptors, each with what it is ready for.

        timeout: None, or how long to wait: in milliseconds for poll objects, in seconds for epoll objects.
        """


MOST_NEWCOMERS = 64
"""The most clients that are accepted in one turn: who speaks a protocol is answered as it comes, while all wait."""
LONGEST_SECONDS = 86_400.0
"""The longest wait that `timeout` returns: in milliseconds it has to fit into an int (poll(2), epoll_wait(2))."""


def deadline(seconds: float) -> float:
    """The value of time.monotonic() after `seconds` from now. Raises ValueError for NaN, which would never come."""
    if math.isnan(seconds):
        raise ValueError("seconds is not a number: the moment would never come")
    return time.monotonic() + seconds


def timeout(due: float, unit: float) -> float:
    """How long to wait until `due` of time.monotonic(), in the poller's unit; at most a day, so call it again."""
    return min(max(0.0, due - time.monotonic()), LONGEST_SECONDS) * unit


class Clients:
    """The clients of one server: accepts them, watches them, and closes them.

    unit: one second in the unit of the poller's timeout. interest: what a new client is watched for. With a handler
    each client is a `Connection`, with a protocol (`Speaks`) a `Speaker`.

    Example:
    >>> from iomux.servers.readiness import Clients
    >>> from iomux.servers.select_ import SelectPoller
    >>> with iomux.listen() as listener:
    ...     print(len(Clients(listener, iomux.echo, SelectPoller(), unit=1).connections))
    0
    """

    def __init__(
        self, listener: socket.socket, handler: Handler, poller: Poller, unit: float, interest: int = READ
    ) -> None:
        self.connections: dict[int, Connection | Speaker] = {}
        self.turns: dict[int, Callable[[], bool]] = {listener.fileno(): self.accept}
        """The function to call when a descriptor is ready; it returns whether the interest has changed."""
        self._listener, self._poller, self._unit, self._interest = listener, poller, unit, interest
        self._speakers = Speakers(handler) if isinstance(handler, Speaks) else None
        self._new = partial(Connection, handler=handler) if self._speakers is None else self._speakers.admit
        self.timeout: float | None = None if self._speakers is None else 0
        """How long the loop may sleep: None (no limit), until something is due, a second while descriptors lack."""
        self._short = False  # of descriptors
        self._full_from = math.inf if self._speakers is None else descriptor_limit() - SPARE
        self._retry_at = 0.0
        self._refusal_logged = False
        listener.setblocking(False)
        poller.register(listener.fileno(), READ)

    def accept(self) -> bool:
        """Accept clients that wait; at the descriptor limit stop watching the listener until a client has left."""
        try:
            for client in islice(accept_pending(self._listener), MOST_NEWCOMERS):
                self._admit(client)
                if client.fileno() >= self._full_from:
                    self._stop_accepting(math.inf)  # until a client has left
                    break
        except OSError as error:
            if error.errno not in SHORTAGE:
                raise
            self._stop_accepting(time.monotonic() + 1)
        return False

    def update_interest(self, fd: int) -> None:
        """Pass a client's changed interest to the poller; close the client if no interest is left."""
        connection = self.connections[fd]
        if connection.interest == OVER:
            self.close(fd)
        else:
            self._poller.modify(fd, connection.interest)

    def close(self, fd: int) -> None:
        """Close a client, after unregistering it: its descriptor's number is given to the next client at once."""
        self._poller.unregister(fd)
        del self.turns[fd]
        self.connections.pop(fd).close()
        self._retry_at = 0.0  # a descriptor is free: retry at once

    def resume(self) -> None:
        """Do what is due between two waits: watch the listener again after a lack of descriptors, if a client has left
        or a second has passed, and whatever the clients' protocols wait for."""
        now = time.monotonic()
        due = math.inf if self._speakers is None else self._tend(self._speakers, now)
        if self._short and now >= self._retry_at:
            self._poller.register(self._listener.fileno(), READ)
            self._short = False
        if self._short:
            due = min(due, self._retry_at, math.inf if self._speakers is None else now + RETRY_SECONDS)
        self.timeout = timeout(due, self._unit) if self._short or self._speakers is not None else None

    def _admit(self, client: socket.socket) -> None:
        fd = client.fileno()
        connection = self._new(client)
        if connection is None:
            return
        try:
            self._poller.register(fd, connection.interest if self._interest == READ else self._interest)
        except (ValueError, OSError) as error:
            connection.close()
            if not self._refusal_logged:
                log_error(f"iomux: {REFUSED}, and others may be: {error}")
            self._refusal_logged = True
            if self._speakers is not None:  # from now on idle ones are let go instead
                self._full_from = min(self._full_from, fd - SPARE)
        else:
            self.connections[fd] = connection
            self.turns[fd] = connection.advance

    def _tend(self, speakers: Speakers, now: float) -> float:
        """Do what is due of the clients' protocols, or let some go at a shortage; return when the next thing is due."""
        if (due := speakers.next_due()) > now and not (speakers.woken or speakers.touched or self._short):
            return due  # nearly always
        speakers.tell_the_late(now)
        for speaker in speakers.changed():
            if speaker.interest == OVER or self._interest == READ:
                self.update_interest(speaker.fd)
            else:  # edge-triggered: with this call it is reported anew (epoll_ctl(2), EPOLL_CTL_MOD)
                self._poller.modify(speaker.fd, self._interest)
        for speaker in speakers.longest_idle(now) if self._short else ():
            self.close(speaker.fd)
        return speakers.next_due()

    def _stop_accepting(self, retry_at: float) -> None:
        # The listener stays readable while a client waits in the backlog: watching it would keep the loop awake.
        self._poller.unregister(self._listener.fileno())
        self.timeout = self._unit
        self._short = True
        self._retry_at = retry_at


def run(listener: socket.socket, handler: Handler, poller: Poller, unit: float) -> NoReturn:
    """Serve every client of `listener` from one thread, woken by a level-triggered `poller`. Never returns.

    unit: one second in the unit of the poller's timeout.

    Example:
    >>> import select
    >>> from iomux.servers.readiness import run
    >>> with iomux.start(lambda listener: run(listener, iomux.echo, select.poll(), unit=1000)) as server:
    ...     print(server.alive)
    True
    """
    clients = Clients(listener, handler, poller, unit)
    turns = clients.turns
    while True:
        for fd, _ in poller.poll(clients.timeout):
            if turns[fd]():
                clients.update_interest(fd)
        if clients.timeout is not None:
            clients.resume()
