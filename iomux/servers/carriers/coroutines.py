"""Generators and coroutines, with a protocol object for each client: three kinds of tasks on one scheduler.

The task of a client reads like the blocking server: send what there is to send, else wait for bytes. It waits for one
thing, its socket. When another client's turn has something to say to this one, or when something is due, a second task
sends that. Only one task may wait for a descriptor, so the second one waits, if it must, for a duplicate. And a third
sleeps until the next client is late.

Cost: two system calls for each request, and frames for each client. Sources: dup(2), shutdown(2); the rest as in
`iomux.servers.coroutines`.
"""

import contextlib
import functools
import socket
import time
import types
from collections.abc import Callable, Generator
from typing import NoReturn

from iomux.servers import pollers
from iomux.servers.carriers.clients import Clients
from iomux.servers.carriers.meeting import meet
from iomux.servers.connection import OVER, WRITE
from iomux.servers.coroutines import Lost, Spawn, accept, receive
from iomux.servers.protocol import Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.parting import part
from iomux.servers.scheduler import Scheduler, Task, Wait

Converse = Callable[["_Client"], Task]
"""Makes the task of one client."""


class _Client:
    """What the tasks of one client share."""

    talk: Conversation

    def __init__(self, sock: socket.socket, clients: Clients, spawn: Spawn) -> None:
        self.sock, self._clients, self._spawn = sock, clients, spawn
        self.fd = sock.fileno()
        self.receiving = self.telling = False
        self.since = time.monotonic()

    def meet(self) -> bool:
        """Begin the conversation; return whether there is one."""
        talk = meet(self._clients.speaks, functools.partial(self.sock.shutdown, socket.SHUT_WR), self.wake)
        if talk is None:
            self.sock.close()
            return False
        self.talk = talk
        self._clients.admit(self.fd, self)
        return True

    @types.coroutine
    def receive(self) -> Generator[Wait, None, bytes]:
        """Wait for bytes, none at the end of the stream. Raises Lost."""
        self.receiving = True
        data = yield from receive(self.sock)
        self.receiving = False
        return data

    @types.coroutine
    def room(self) -> Generator[Wait, None, None]:
        """Wait until more can be sent; not at all if there is nothing to send."""
        if self.talk.interest & WRITE:
            yield self.fd, WRITE

    def feed(self, data: bytes) -> None:
        """Take what arrived and send the answer, or some of it."""
        self.since = time.monotonic()
        self._send(self.talk.received(data, self.since))

    def send(self) -> None:
        """Send some of what there is to send."""
        self._send(self.talk.take(time.monotonic()))

    def _send(self, piece: bytes | memoryview) -> None:
        sent = 0
        if piece:
            with contextlib.suppress(BlockingIOError):
                sent = self.sock.send(piece, self.talk.flags)
            self.talk.sent(sent, time.monotonic())
        self._clients.note(self.fd)

    def late(self) -> None:
        """Something is due."""
        self.talk.late(time.monotonic())  # what it has to say is sent by a task
        self._clients.note(self.fd)
        self.wake()

    def wake(self) -> None:
        """Something is to be sent that the client's own task does not know of, or the connection is over."""
        if self.talk.interest == OVER:
            self.cut()
        elif self.receiving and not self.telling and self.talk.interest & WRITE:
            self.telling = True
            self._spawn(tell(self))

    def cut(self) -> None:
        """End what the tasks of this client wait for."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    @types.coroutine
    def alone(self) -> Generator[Wait, None, None]:
        """Wait until no other task sends to this client: its duplicate of the descriptor keeps the connection open."""
        self.receiving = False
        while self.telling:
            self.cut()
            yield 0

    def leave(self) -> None:
        """Close."""
        del self._clients.at[self.fd]
        part(self.sock, self.talk)
        self.talk.close()


def converse(client: _Client) -> Generator[Wait, None, None]:
    """Talk to one client until its connection is over, then close: a generator."""
    data: bytes | None = None
    with contextlib.suppress(Lost, OSError):  # reset, or gone: only this client is lost
        while client.talk.interest != OVER:
            if client.talk.interest & WRITE:
                client.send()
                yield from client.room()
            elif data is None:
                data = yield from client.receive()
            else:
                client.feed(data)
                data = None
    yield from client.alone()
    client.leave()


async def converse_async(client: _Client) -> None:
    """Talk to one client until its connection is over, then close: a coroutine."""
    data: bytes | None = None
    with contextlib.suppress(Lost, OSError):
        while client.talk.interest != OVER:
            if client.talk.interest & WRITE:
                client.send()
                await client.room()
            elif data is None:
                data = await client.receive()
            else:
                client.feed(data)
                data = None
    await client.alone()
    client.leave()


def tell(client: _Client) -> Generator[Wait, None, None]:
    """Send what the client's own task does not know of, since it waits for bytes."""
    own = None
    with contextlib.suppress(OSError):
        while client.talk.interest & WRITE:
            client.send()
            if client.talk.interest & WRITE:
                own = own or client.sock.dup()
                yield own.fileno(), WRITE
    if own is not None:
        yield 0  # it is taken off the interest list, which under epoll keeps it once closed, for it has a duplicate
        own.close()
    client.telling = False
    if client.talk.interest == OVER:
        client.cut()


def after(seconds: float, call: Callable[[], None]) -> Generator[Wait, None, None]:
    """Call a function after so many seconds."""
    yield seconds
    call()


def welcome(
    listener: socket.socket, clients: Clients, spawn: Spawn, converse: Converse
) -> Generator[Wait, None, NoReturn]:
    """Start a task for each client that connects."""
    while True:
        for sock in (yield from accept(listener)):
            client = _Client(sock, clients, spawn)
            if client.meet():
                spawn(converse(client))


def serve(listener: socket.socket, speaks: Speaks, converse: Converse = converse) -> None:
    """Serve every client of `listener` by generators, over the best poller of this machine. Never returns."""
    listener.setblocking(False)
    scheduler = Scheduler(*pollers.make(pollers.best()))
    clients = Clients(speaks, lambda seconds, call: scheduler.spawn(after(seconds, call)))
    scheduler.spawn(welcome(listener, clients, scheduler.spawn, converse))
    scheduler.run()


def serve_async(listener: socket.socket, speaks: Speaks) -> None:
    """Do the same by coroutines. Never returns."""
    serve(listener, speaks, converse_async)
