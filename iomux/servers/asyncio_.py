"""asyncio: the standard library's event loop, and uvloop, the same interface over libuv.

Below the callbacks runs a loop like that of `readiness`: on Linux it sleeps in epoll_wait. A program that
uses it instead of a loop it wrote itself gets timers, TLS, subprocesses and many libraries. The transport
handles partial sends, half-close and the high-water mark; this file only has to stop reading
from a client that does not take its answers.

Cost: a handle and a few Python calls for each request; the course measures how much. Sources: PEP 3156; the library
reference, asyncio-protocol.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, NoReturn, cast

from iomux.servers.connection import CHUNK_BYTES, HIGH_WATER_BYTES, Handler, checked, echo, log_error
from iomux.system.sockets import BACKLOG, SHORTAGE

_ACCEPTS = 64
"""asyncio uses its `backlog` also as the number of accept calls in a row, and at the descriptor limit it fails and
logs that many times (asyncio/selector_events.py, _accept_connection): with 4,096 that takes a second of CPU time."""


class _Conversation(asyncio.BufferedProtocol):
    """One client: answer what arrives, with back-pressure. At the end of the stream the transport sends the rest.

    A BufferedProtocol, because asyncio reads for a plain `Protocol` into 256 KiB of fresh memory at each
    request (asyncio/selector_events.py, max_size), which malloc maps and unmaps each time (mallopt(3)).
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
        except Exception:  # a handler's error ends only its client, and is logged: asyncio hides OSError
            log_error()
            self._transport.abort()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


async def _serve_forever(listener: socket.socket, handler: Handler) -> NoReturn:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report_shortage_once())
    buffer = memoryview(bytearray(CHUNK_BYTES))
    await loop.create_server(lambda: _Conversation(handler, buffer), sock=listener, backlog=_ACCEPTS)
    listener.listen(BACKLOG)  # create_server has cut it to _ACCEPTS
    await loop.create_future()  # never done
    raise AssertionError("unreachable: the future above has no result")


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


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` on asyncio's default event loop. Never returns."""
    run_on(asyncio.new_event_loop, listener, handler)


def serve_uvloop(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` on uvloop's event loop: libuv, in C. Never returns."""
    import uvloop

    run_on(uvloop.new_event_loop, listener, handler)


def run_on(new_loop: Callable[[], asyncio.AbstractEventLoop], listener: socket.socket, handler: Handler) -> NoReturn:
    """Serve every client of `listener` on an event loop that `new_loop` makes. Never returns."""
    listener.setblocking(False)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_serve_forever(listener, handler))
    raise AssertionError("unreachable: the coroutine above never ends")
