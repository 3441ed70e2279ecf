"""asyncio: the standard library's event loop, and uvloop, which is the same interface over libuv.

Below the callbacks stands a loop like that of `readiness`: on Linux it sleeps in epoll_wait. Callbacks
instead of a loop of one's own buy timers, TLS, subprocesses and everybody's libraries. Partial sends,
half-close and the high-water mark are the transport's business; what is left to us is to stop reading
from a client that does not take its answers.

Cost: a handle and a few Python calls a request; see the course for how much. Sources: PEP 3156; the library
reference, asyncio-protocol.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, NoReturn, cast

from iomux.servers.connection import CHUNK_BYTES, HIGH_WATER_BYTES, Handler, checked, echo, log_error
from iomux.system.sockets import BACKLOG, SHORTAGE

_ACCEPTS = 64
"""What asyncio takes for the backlog is also how often it calls accept in one go, and at the descriptor limit
it fails, and says so, as many times (asyncio/selector_events.py, _accept_connection): 4,096 would be a busy second."""


class _Conversation(asyncio.BufferedProtocol):
    """One client: answer what arrives, with back-pressure. At end of stream the transport sends what is owed.

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
        return self._buffer  # one for all clients: it is read out before the loop turns to the next

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._transport.write(self._handler(bytes(self._buffer[:nbytes])))
        except Exception:  # the handler's fault ends its own client, and says so; asyncio keeps quiet about OSError
            log_error()
            self._transport.abort()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()


async def _serve_forever(listener: socket.socket, handler: Handler) -> NoReturn:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_say_shortage_once())
    buffer = memoryview(bytearray(CHUNK_BYTES))
    await loop.create_server(lambda: _Conversation(handler, buffer), sock=listener, backlog=_ACCEPTS)
    listener.listen(BACKLOG)  # create_server has cut it to _ACCEPTS
    await loop.create_future()  # never done
    raise AssertionError("unreachable: the future above has no result")


def _say_shortage_once() -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """An exception handler that reports a lack of descriptors once; the loop tries again each second by itself."""
    said = False

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal said
        shortage = getattr(context.get("exception"), "errno", None) in SHORTAGE
        if not (shortage and said):
            loop.default_exception_handler(context)
        said = said or shortage

    return handle


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` on asyncio's own event loop. Never returns."""
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
