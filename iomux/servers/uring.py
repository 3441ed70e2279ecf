"""io_uring: ask for the bytes and be told when they are there. Completion instead of readiness.

The other servers ask who *could* be read without waiting, and then read. This one submits the `recv` itself,
into a buffer that is lent to the kernel, and hears of it when the bytes are in. So nothing has to be
nonblocking, and what follows on what reads as a chain: accept, then recv, then send, then recv.

Each client has one operation under way. While its answer is being sent nothing is read from it: that is the
back-pressure (RFC 9293, section 3.8.6). And a buffer for each client, idle ones too, is the price of completion.

Cost: two entries a request, and a system call for all that came in one round. Sources: io_uring(7),
io_uring_prep_multishot_accept(3), io_uring_prep_recv(3).
"""

import os
import socket
from collections.abc import Callable
from typing import NoReturn

from iomux.servers.connection import CHUNK_BYTES, Handler, checked, echo, log_error
from iomux.system.io_uring import Ring
from iomux.system.io_uring_abi import SETUP_COOP_TASKRUN, lend
from iomux.system.sockets import CLIENT_GONE, RETRY_SECONDS, SHORTAGE

_ENTRIES, _COMPLETIONS = 512, 8192
_FIRST_BYTES = 4096
"""A client's buffer, until a message fills it: ten thousand silent clients then cost 40 MB and not 640."""


class _Client:
    """One client: what was asked of the kernel for it, and what comes next when that is done."""

    def __init__(self, ring: Ring, fd: int, handler: Handler, left: Callable[[], None]) -> None:
        self._ring, self._fd, self._handler, self._left = ring, fd, handler, left
        self._make_room(_FIRST_BYTES)
        self._reply, self._sent = b"", 0
        self._receive()

    def _make_room(self, size: int) -> None:
        self._view = memoryview(bytearray(size))
        self._lent = lend(self._view)

    def _receive(self) -> None:
        self._ring.recv(self._fd, self._lent, self._received)

    def _received(self, size: int, more: bool) -> None:
        if size <= 0:  # the end of the stream, after everything before it was answered; or an error
            self._close()
            return
        try:
            self._reply, self._sent = self._handler(bytes(self._view[:size])), 0
        except Exception:  # the handler's fault ends its own client, and says so
            log_error()
            self._close()
            return
        if size == len(self._view) < CHUNK_BYTES:
            self._make_room(CHUNK_BYTES)
        self._send()

    def _send(self) -> None:
        if self._sent == len(self._reply):
            self._receive()
        else:
            self._ring.send(self._fd, self._reply, self._was_sent, skip=self._sent)

    def _was_sent(self, size: int, more: bool) -> None:
        if size < 0:
            self._close()
            return
        self._sent += size
        self._send()

    def _close(self) -> None:
        os.close(self._fd)
        self._left()


class _Acceptor:
    """The listener: one entry accepts client after client; at the descriptor limit it is shut for a while."""

    def __init__(self, ring: Ring, listener: socket.socket, handler: Handler) -> None:
        self._ring, self._listener, self._handler = ring, listener, checked(handler)
        self._open = False
        self._unlock()

    def _unlock(self) -> None:
        if not self._open:
            self._open = True
            self._ring.accept(self._listener.fileno(), self._accepted)

    def _accepted(self, result: int, more: bool) -> None:
        if result >= 0:
            _Client(self._ring, result, self._handler, self._unlock)
        elif -result not in CLIENT_GONE | SHORTAGE:
            raise OSError(-result, os.strerror(-result))
        if more:
            return
        self._open = False
        if -result in SHORTAGE:  # as soon as one of ours has left, or after a while: somebody else may have
            self._ring.timeout(RETRY_SECONDS, lambda *_: self._unlock())
        else:
            self._unlock()


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` on an io_uring. Never returns."""
    run_on(new_ring(), listener, handler)


def new_ring() -> Ring:
    """A ring for a server: one that does not interrupt it for a completion, as it comes to ask soon anyway."""
    return Ring(_ENTRIES, _COMPLETIONS, SETUP_COOP_TASKRUN)


def run_on(ring: Ring, listener: socket.socket, handler: Handler) -> NoReturn:
    """Serve every client of `listener` on the ring given: the token of each entry is what to call when it is done."""
    listener.setblocking(True)  # on a nonblocking socket the kernel says EAGAIN instead of waiting for us
    _Acceptor(ring, listener, handler)
    while True:
        for done, result, more in ring.wait():
            done(result, more)
