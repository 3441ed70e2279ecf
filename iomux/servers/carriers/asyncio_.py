"""asyncio and uvloop, with a protocol object for each client: a transport moves the bytes, and tells how it goes.

A transport takes all that is written to it, and so hides a client that does not read. With a high-water mark of 0 it
does not: it says when it has passed everything to the kernel, and until then no reply is taken. How much is left in it
is asked when the client is late, so that a slow reader is not taken for one that has stalled.

Cost: as in `iomux.servers.asyncio_`, one question for what is left in the transport, and two comparisons for the
timers. Sources: the library reference, asyncio-protocol.
"""

import asyncio
import socket
import time
from typing import NoReturn, cast

from iomux.servers.asyncio_ import ACCEPTS, NewLoop, new_uvloop, run_on
from iomux.servers.carriers.clients import Clients
from iomux.servers.carriers.meeting import meet
from iomux.servers.connection import OVER, READ, WRITE
from iomux.servers.protocol import Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.parting import reset_at_close


class _Client(asyncio.Protocol):
    """One client: what arrives goes to its conversation, and what that gives out to the transport."""

    talk: Conversation

    def __init__(self, clients: Clients, loop: asyncio.AbstractEventLoop) -> None:
        self._clients, self._loop = clients, loop
        self._fd = -1
        self._left = 0
        """How many bytes the transport has not passed to the kernel yet, as far as is known."""
        self._reading, self._turn_comes = True, False
        self.since = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        talk = meet(self._clients.speaks, self._transport.write_eof, self.wake)
        if talk is None:
            self._transport.abort()
            return
        self.talk = talk
        self._fd = self._transport.get_extra_info("socket").fileno()
        self._clients.admit(self._fd, self)

    def data_received(self, data: bytes) -> None:
        if self.talk.interest == OVER:
            return
        self.since = time.monotonic()
        piece = self.talk.received(data, self.since)
        if piece and not self._left:
            self._write(piece)
        self.wake()

    def eof_received(self) -> bool:
        """The client sends no more; keep the transport for what is owed."""
        self.data_received(b"")
        return True

    def resume_writing(self) -> None:
        """The transport has passed everything on."""
        self._note_progress()
        self.wake()

    def late(self) -> None:
        """Something is due, unless the client has taken some bytes meanwhile."""
        now = time.monotonic()
        self._note_progress()
        if self.talk.due <= now:
            self.talk.late(now)
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._fd >= 0:
            del self._clients.at[self._fd]
            self.talk.close()

    def _write(self, piece: bytes | memoryview) -> None:
        self._left = len(piece)
        self._transport.write(piece)
        self._note_progress()

    def _note_progress(self) -> None:
        before, self._left = self._left, self._transport.get_write_buffer_size()
        self.talk.sent(before - self._left, time.monotonic())

    def wake(self) -> None:
        """Do what the conversation has interest in: now if it costs the others nothing, else in a turn of its own."""
        interest = self.talk.interest
        if interest == OVER:
            if self.talk.stalled:
                reset_at_close(self._transport.get_extra_info("socket"))
            self._transport.abort()
            return
        if bool(interest & READ) != self._reading:
            self._reading = not self._reading
            (self._transport.resume_reading if self._reading else self._transport.pause_reading)()
        if interest & WRITE and not self._left and not self._turn_comes:
            self._turn_comes = True
            self._loop.call_soon(self._turn)
        self._clients.note(self._fd)

    def _turn(self) -> None:
        self._turn_comes = False
        if self.talk.interest & WRITE and not self._left:
            if piece := self.talk.take(time.monotonic()):
                self._write(piece)
            self.wake()


def serve(listener: socket.socket, speaks: Speaks) -> NoReturn:
    """Serve every client of `listener` on asyncio's default event loop. Never returns."""
    _serve_on(asyncio.new_event_loop, listener, speaks)


def serve_uvloop(listener: socket.socket, speaks: Speaks) -> NoReturn:
    """Serve every client of `listener` on uvloop's event loop. Never returns."""
    _serve_on(new_uvloop, listener, speaks)


def _serve_on(new_loop: NewLoop, listener: socket.socket, speaks: Speaks) -> NoReturn:
    async def opened() -> None:
        loop = asyncio.get_running_loop()
        clients = Clients(speaks, loop.call_later)
        await loop.create_server(lambda: _Client(clients, loop), sock=listener, backlog=ACCEPTS)

    run_on(new_loop, opened, listener)
