"""Sockets: asyncio's lowest interface for coroutines. The program keeps its sockets and awaits their calls.

`loop.sock_recv` tries the call, and only if it would wait does it register the socket, sleep on a future, and remove
the socket again: two epoll_ctl calls for a wait. While there is something to read it returns without giving way, so a
client that sends all the time would have the loop to itself. `asyncio.sleep(0)` gives the others their turn. That is
cheaper, too: in the meantime the next request has often come, and `sock_recv` need not wait for it.

Cost: for each request up to six system calls, a future, and two steps of the task.
Sources: the library reference, asyncio-eventloop; asyncio/selector_events.py.
"""

import asyncio
import contextlib
import socket
from typing import NoReturn

from iomux.servers.asyncio_ import new_uvloop, run_on
from iomux.servers.connection import CHUNK_BYTES, Handler, checked, echo, log_error
from iomux.system.sockets import CLIENT_GONE, RETRY_SECONDS, SHORTAGE


async def converse(client: socket.socket, handler: Handler) -> None:
    """Answer one client until it sends no more, at most CHUNK_BYTES in one turn."""
    loop, answer = asyncio.get_running_loop(), checked(handler)
    with client, contextlib.suppress(OSError):  # reset, or timed out: only this client is lost
        while data := await loop.sock_recv(client, CHUNK_BYTES):
            try:
                reply = answer(data)
            except Exception:  # a handler's error ends only its client, and is logged
                log_error()
                return
            await loop.sock_sendall(client, reply)
            await asyncio.sleep(0)


async def welcome(listener: socket.socket, handler: Handler) -> NoReturn:
    """Start a task for each client that connects."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references
    while True:
        client = await _accept(listener)
        tasks.add(task := loop.create_task(converse(client, handler)))
        task.add_done_callback(tasks.discard)
        await asyncio.sleep(0)  # as above: the others are served between two that connect


async def _accept(listener: socket.socket) -> socket.socket:
    while True:
        try:
            return (await asyncio.get_running_loop().sock_accept(listener))[0]
        except OSError as error:
            if error.errno in SHORTAGE:
                await asyncio.sleep(RETRY_SECONDS)
            elif error.errno not in CLIENT_GONE:
                raise


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by coroutines on its socket, on asyncio's default event loop. Never returns."""
    run_on(asyncio.new_event_loop, lambda: welcome(listener, handler), listener)


def serve_uvloop(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by the same coroutines on uvloop's event loop. Never returns."""
    run_on(new_uvloop, lambda: welcome(listener, handler), listener)
