"""asyncio: the standard library's event loop, and uvloop, the same interface over libuv.

Below the callbacks runs a loop like that of `readiness`: on Linux it sleeps in epoll_wait. A program that
uses it instead of a loop it wrote itself gets timers, TLS, subprocesses and many libraries. The transport
handles partial sends, half-close and the high-water mark; this file only has to stop reading
from a client that does not take its answers.

There are four interfaces for the same echo. Each loop is registered here with the one that costs it least in a fresh
process: asyncio with a `BufferedProtocol`, uvloop with a plain `Protocol`. `iomux.servers.forms` has the others.

Cost: a handle and a few Python calls for each request; the course measures how much. Sources: PEP 3156; the library
reference, asyncio-protocol.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, cast

from iomux.servers.connection import CHUNK_BYTES, HIGH_WATER_BYTES, Handler, checked, echo, log_error
from iomux.system.sockets import BACKLOG, SHORTAGE

ACCEPTS = 64
"""asyncio uses its `backlog` also as the number of accept calls in a row, and at the descriptor limit it fails and
logs that many times (asyncio/selector_events.py, _accept_connection): with 4,096 that takes a second of CPU time."""

NewLoop = Callable[[], asyncio.AbstractEventLoop]
"""Makes the event loop to serve on."""
Conversation = Callable[[Handler], asyncio.BaseProtocol]
"""Makes the protocol of one client."""


class _PlainConversation(asyncio.Protocol):
    """One client: answer what arrives, with back-pressure. At the end of the stream the transport sends the rest.

    A turn is at most what the loop reads before it calls: 256 KiB under asyncio (selector_events.py, max_size), under
    uvloop 32 reads of 250 KiB (uv__read), of which an echo takes two, because then the high-water mark is passed.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = checked(handler)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def data_received(self, data: bytes) -> None:
        try:
            self._transport.write(self._handler(data))
        except Exception:  # a handler's error ends only its client, and is logged: asyncio hides OSError
            log_error()
            self._transport.abort()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


class _BufferedConversation(asyncio.BufferedProtocol):
    """The same as `_PlainConversation`, but the loop reads into a buffer of ours, at most CHUNK_BYTES in one turn.

    For a plain `Protocol` asyncio reads into 256 KiB of fresh memory at each request. In a process that never
    freed a block of that size, malloc maps and unmaps it each time (mallopt(3), M_MMAP_THRESHOLD). The first client
    that leaves ends that: its last read returns nothing, so the block is freed before it was shrunk.
    """

    def __init__(self, handler: Handler, buffer: memoryview) -> None:
        self._handler = checked(handler)
        self._buffer = buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer  # shared by all clients: it is consumed before the loop serves the next one

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._transport.write(self._handler(bytes(self._buffer[:nbytes])))
        except Exception:  # as above
            log_error()
            self._transport.abort()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


def buffered() -> Conversation:
    """Conversations that share one buffer."""
    buffer = memoryview(bytearray(CHUNK_BYTES))
    return lambda handler: _BufferedConversation(handler, buffer)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by a buffered protocol on asyncio's default event loop. Never returns."""
    run_protocol(asyncio.new_event_loop, buffered(), listener, handler)


def serve_plain(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Do the same by a plain protocol. Never returns."""
    run_protocol(asyncio.new_event_loop, _PlainConversation, listener, handler)


def serve_uvloop(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by a plain protocol on uvloop's event loop: libuv, in C. Never returns."""
    run_protocol(new_uvloop, _PlainConversation, listener, handler)


def serve_uvloop_buffered(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Do the same by a buffered protocol. Never returns."""
    run_protocol(new_uvloop, buffered(), listener, handler)


def new_uvloop() -> asyncio.AbstractEventLoop:
    """An event loop of uvloop, which is imported now: it need not be installed."""
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def run_protocol(new_loop: NewLoop, conversation: Conversation, listener: socket.socket, handler: Handler) -> NoReturn:
    """Serve every client of `listener` by a protocol, on an event loop that `new_loop` makes. Never returns."""

    async def opened() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: conversation(handler), sock=listener, backlog=ACCEPTS)

    run_on(new_loop, opened, listener)


def run_on(new_loop: NewLoop, opened: Callable[[], Awaitable[None]], listener: socket.socket) -> NoReturn:
    """Open a server on an event loop that `new_loop` makes, and run that for ever."""

    async def forever() -> None:
        asyncio.get_running_loop().set_exception_handler(_report_shortage_once())
        await opened()
        listener.listen(BACKLOG)  # asyncio has cut it to ACCEPTS
        await asyncio.get_running_loop().create_future()  # never done

    listener.setblocking(False)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(forever())
    raise AssertionError("unreachable: the coroutine above never ends")


def _report_shortage_once() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """An exception handler that reports a lack of descriptors once; asyncio itself tries again each second."""
    reported = False

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal reported
        shortage = getattr(context.get("exception"), "errno", None) in SHORTAGE
        if not (shortage and reported):
            loop.default_exception_handler(context)
        reported = reported or shortage

    return handle
