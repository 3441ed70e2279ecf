"""io_uring, with a protocol object for each client: a `recv`, a `send` and time-outs, all of them notified.

A client has one `recv` under way while it is waited for, and one `send` while there is something to send; both at the
same time when another client's turn has something to say to it. A timer is one more entry of the ring. An operation
under way keeps the connection open after close(2), so it is ended first, by shutdown(2), and the descriptor is closed
once nothing of it is under way.

Cost: as in `iomux.servers.uring`: two entries for each request, and a buffer for each client. Sources: io_uring(7),
io_uring_prep_timeout(3); shutdown(2).
"""

import contextlib
import functools
import os
import socket
import time
from collections.abc import Callable
from typing import NoReturn, cast

from iomux.servers.carriers.clients import Clients
from iomux.servers.carriers.meeting import meet
from iomux.servers.connection import CHUNK_BYTES, OVER, READ, WRITE
from iomux.servers.protocol import Speaks
from iomux.servers.protocol.conversation import Conversation
from iomux.servers.protocol.parting import part
from iomux.servers.uring import FIRST_BYTES, Acceptor, new_ring
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import lend


class _Client:
    """One client: which operations the kernel has under way for it, and what follows when one is done."""

    talk: Conversation

    def __init__(self, ring: Ring, fd: int, clients: Clients, on_close: Callable[[], None]) -> None:
        self._ring, self._fd, self._clients, self._on_close = ring, fd, clients, on_close
        self._receiving = self._sending = self._turn_comes = self._lost = self._cut = False
        self.since = time.monotonic()
        self._data: bytes | None = None
        """What has arrived and is not wanted yet."""

    def meet(self) -> None:
        """Begin the conversation."""
        shut = functools.partial(shut_down, self._fd, socket.SHUT_WR)
        talk = meet(self._clients.speaks, shut, self.wake)
        if talk is None:
            os.close(self._fd)
            self._on_close()
            return
        self.talk = talk
        self._make_room(FIRST_BYTES)
        self._clients.admit(self._fd, self)
        self._go_on()

    def _make_room(self, size: int) -> None:
        self._view = memoryview(bytearray(size))
        self._lent = lend(self._view)

    def _go_on(self) -> None:
        """Do what the conversation has interest in, up to what the kernel has to do."""
        talk = self.talk
        while talk.interest != OVER and not self._sending and not self._lost:
            if talk.interest & WRITE:
                self._send(talk.take(time.monotonic()))
                if talk.interest & WRITE and not self._sending:  # a turn without a byte: now the others have theirs
                    self.wake()
                    break
            elif self._data is not None:
                data, self._data = self._data, None
                self.since = time.monotonic()
                self._send(talk.received(data, self.since))
            else:
                self._receive()
                break
        if talk.interest == OVER or self._lost:
            self._end()
        else:
            self._clients.note(self._fd)

    def _receive(self) -> None:
        if not self._receiving:
            self._receiving = True
            self._ring.recv(self._fd, self._lent, self._received)

    def _received(self, size: int, more: bool) -> None:
        self._receiving = False
        self._lost |= size < 0
        self._data = bytes(self._view[: max(0, size)])
        if size == len(self._view) < CHUNK_BYTES:
            self._make_room(CHUNK_BYTES)
        self._go_on()

    def _send(self, piece: bytes | memoryview) -> None:
        if piece:
            self._sending = True
            whole = cast(bytes, piece.obj) if isinstance(piece, memoryview) else piece  # it is the end of a whole one
            skip = len(whole) - len(piece)
            self._ring.send(self._fd, whole, self._sent, skip, msg_flags=self.talk.flags)

    def _sent(self, size: int, more: bool) -> None:
        self._sending = False
        self._lost |= size < 0
        self.talk.sent(max(0, size), time.monotonic())
        self._go_on()

    def late(self) -> None:
        """Something is due."""
        if self._sending and self.talk.interest == READ:  # the first bytes of an answer are not taken yet
            self.talk.sent(0, time.monotonic())
        else:
            self.talk.late(time.monotonic())  # what it has to say is taken next
        self._go_on()

    def wake(self) -> None:
        """Go on in a turn of its own: in the next round of completions."""
        if not self._turn_comes:
            self._turn_comes = True
            self._ring.nop(self._turn)

    def _turn(self, result: int, more: bool) -> None:
        self._turn_comes = False
        if self._clients.at.get(self._fd) is self:
            self._go_on()

    def _end(self) -> None:
        """Close, but first end what is under way: an operation keeps the connection open, and its memory lent."""
        if not self._receiving and not self._sending:
            del self._clients.at[self._fd]
            part(socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, self._fd), self.talk)
            self.talk.close()
            self._on_close()
        elif not self._cut:
            self._cut = True
            with contextlib.suppress(OSError):
                shut_down(self._fd, socket.SHUT_RDWR)


def shut_down(fd: int, how: int) -> None:
    """shutdown(2) of a descriptor for which there is no socket object."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fd)  # neither is used for a shutdown
    try:
        sock.shutdown(how)
    finally:
        sock.detach()


def serve(listener: socket.socket, speaks: Speaks) -> NoReturn:
    """Serve every client of `listener` on an io_uring. Never returns."""
    ring = new_ring()
    clients = Clients(speaks, lambda seconds, call: ring.timeout(seconds, lambda *_: call()))
    listener.setblocking(True)
    Acceptor(ring, listener, admit=lambda fd, on_close: _Client(ring, fd, clients, on_close).meet())
    while True:
        for done, result, more in ring.wait():
            done(result, more)
