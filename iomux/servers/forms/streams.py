"""Streams: asyncio's interface for coroutines, and the one that its tutorials begin with.

A reader collects what comes into a buffer of its own, and a coroutine takes it from there: `read` returns at once if
there is something, and else puts the coroutine to sleep on a future. `drain` waits while the transport holds more than
its high-water mark. That is back-pressure, in the line where a reader expects it.

Cost: for each request a future, a step of the task and one more copy, on top of the plain `Protocol` below it.
Sources: the library reference, asyncio-stream; asyncio/streams.py.
"""

import asyncio
import contextlib
import functools
import socket
from typing import NoReturn

from iomux.servers.asyncio_ import ACCEPTS, new_uvloop, run_on
from iomux.servers.connection import CHUNK_BYTES, HIGH_WATER_BYTES, Handler, checked, echo, log_error


async def converse(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client until it sends no more. A turn is at most what the reader holds: 384 KiB."""
    answer = checked(handler)
    writer.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
    with contextlib.suppress(OSError):  # reset, or timed out: only this client is lost
        while data := await reader.read(CHUNK_BYTES):
            try:
                writer.write(answer(data))
            except Exception:  # a handler's error ends only its client, and is logged
                log_error()
                writer.transport.abort()
                return
            await writer.drain()
    writer.close()


async def opened(listener: socket.socket, handler: Handler) -> None:
    """Begin to accept clients, each with a coroutine of its own."""
    await asyncio.start_server(functools.partial(converse, handler), sock=listener, backlog=ACCEPTS)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by streams on asyncio's default event loop. Never returns."""
    run_on(asyncio.new_event_loop, lambda: opened(listener, handler), listener)


def serve_uvloop(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by streams on uvloop's event loop. Never returns."""
    run_on(new_uvloop, lambda: opened(listener, handler), listener)
