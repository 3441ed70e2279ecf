"""Coroutines: code as straight as the blocking server's, with one thread for all clients.

A readiness loop calls a method when a socket is ready, and that method must look up where its client was:
it keeps the state of a conversation in an object (`Connection`). A function that can be suspended in the middle
and resumed keeps that state in its frame. So `converse` reads like the blocking server's, with a keyword
where it may have to wait: `yield from` in a generator, `await` in a coroutine. Both run on one `Scheduler`,
and both call the same three functions, which try a system call and yield what to wait for.

One request of a client is under way at a time: while its answer does not fit into the kernel's buffer,
nothing is read from the client. That is back-pressure, without any code for it.

Cost: two system calls for each request, and frames for each client. Sources: PEP 342, PEP 380, PEP 492; the library
reference, types.coroutine.
"""

import contextlib
import socket
import types
from collections.abc import Callable, Generator
from typing import NoReturn

from iomux.servers import pollers
from iomux.servers.connection import CHUNK_BYTES, READ, WRITE, Handler, checked, echo
from iomux.servers.readiness import Poller
from iomux.servers.scheduler import Scheduler, Task, Wait
from iomux.system.sockets import RETRY_SECONDS, SHORTAGE, accept_pending

Spawn = Callable[[Task], None]
"""The type of `Scheduler.spawn`."""


class Lost(Exception):
    """The client is gone without an orderly close: reset, or timed out."""


@types.coroutine
def receive(client: socket.socket, most: int = CHUNK_BYTES) -> Generator[Wait, None, bytes]:
    """Wait for bytes and return at most `most`, none at the end of the stream. Raises Lost.

    It waits first and then reads once, so that a client which sends all the time takes turns with the others.
    """
    while True:
        yield client.fileno(), READ
        try:
            return client.recv(most)
        except BlockingIOError:  # readiness is a hint: select(2), BUGS
            continue
        except OSError as error:
            raise Lost from error


@types.coroutine
def send_all(client: socket.socket, data: bytes) -> Generator[Wait, None, None]:
    """Send all of `data`, waiting for room in the kernel's buffer whenever it is full. Raises Lost."""
    rest: bytes | memoryview = data
    while rest:
        sent = 0
        try:
            sent = client.send(rest)
        except BlockingIOError:
            pass
        except OSError as error:
            raise Lost from error
        if sent == len(rest):  # nearly always
            return
        rest = memoryview(rest)[sent:]
        yield client.fileno(), WRITE


@types.coroutine
def accept(listener: socket.socket) -> Generator[Wait, None, list[socket.socket]]:
    """Wait for clients and return all that have connected; at the descriptor limit, retry until there is room."""
    clients: list[socket.socket] = []
    while not clients:
        yield listener.fileno(), READ
        try:
            for client in accept_pending(listener):
                clients.append(client)  # clients accepted before the limit are kept
        except OSError as error:
            if error.errno not in SHORTAGE:
                raise
            if not clients:  # watching the listener now would wake the loop all the time
                yield RETRY_SECONDS
    return clients


def converse(client: socket.socket, handler: Handler) -> Generator[Wait, None, None]:
    """Answer one client until it sends no more: a generator."""
    answer = checked(handler)
    with client, contextlib.suppress(Lost):
        while data := (yield from receive(client)):
            yield from send_all(client, answer(data))


async def converse_async(client: socket.socket, handler: Handler) -> None:
    """Answer one client until it sends no more: a coroutine."""
    answer = checked(handler)
    with client, contextlib.suppress(Lost):
        while data := await receive(client):
            await send_all(client, answer(data))


def welcome(listener: socket.socket, handler: Handler, spawn: Spawn) -> Generator[Wait, None, NoReturn]:
    """Start a generator for each client that connects."""
    while True:
        for client in (yield from accept(listener)):
            spawn(converse(client, handler))


async def welcome_async(listener: socket.socket, handler: Handler, spawn: Spawn) -> NoReturn:
    """Start a coroutine for each client that connects."""
    while True:
        for client in await accept(listener):
            spawn(converse_async(client, handler))


def run(listener: socket.socket, handler: Handler, poller: Poller, unit: float) -> None:
    """Serve every client of `listener` by generators over a level-triggered `poller`. Never returns.

    unit: one second in the unit of the poller's timeout.
    """
    listener.setblocking(False)
    scheduler = Scheduler(poller, unit)
    scheduler.spawn(welcome(listener, handler, scheduler.spawn))
    scheduler.run()


def run_async(listener: socket.socket, handler: Handler, poller: Poller, unit: float) -> None:
    """Serve every client of `listener` by coroutines over a level-triggered `poller`. Never returns."""
    listener.setblocking(False)
    scheduler = Scheduler(poller, unit)
    scheduler.spawn(welcome_async(listener, handler, scheduler.spawn))
    scheduler.run()


def serve(listener: socket.socket, handler: Handler = echo) -> None:
    """Serve every client of `listener` by generators, over the best poller of this machine. Never returns."""
    run(listener, handler, *pollers.make(pollers.best()))


def serve_async(listener: socket.socket, handler: Handler = echo) -> None:
    """Serve every client of `listener` by `async def` and `await`, over the same poller. Never returns."""
    run_async(listener, handler, *pollers.make(pollers.best()))
