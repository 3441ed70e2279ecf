"""io_uring: submits a `recv` and is notified when the bytes have arrived. Completion instead of readiness.

The other servers ask which sockets *could* be read without waiting, and then read. This one submits the `recv`
itself, into a buffer that is lent to the kernel, and is notified when the bytes are in it. So no socket has to be
nonblocking, and the operations form a chain: accept, then recv, then send, then recv.

Each client has one operation under way. While its answer is being sent, nothing is read from it: that is the
back-pressure (RFC 9293, section 3.8.6). The price of completion is a buffer for each client, idle ones too: buffers
that many clients share (`iomux.system.io_uring_buffers`) would spare them, with another back-pressure.

Cost: two entries for each request, and one system call for all completions of a round. Sources: io_uring(7),
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
FIRST_BYTES = 4096
"""The size of a client's buffer until a message fills it: 10,000 silent clients then cost 40 MB and not 640."""


class _Client:
    """One client: the operation that the kernel has under way for it, and what follows when that is done."""

    def __init__(self, ring: Ring, fd: int, handler: Handler, on_close: Callable[[], None]) -> None:
        self._ring, self._fd, self._handler, self._on_close = ring, fd, handler, on_close
        self._make_room(FIRST_BYTES)
        self._reply, self._sent = b"", 0
        self._receive()

    def _make_room(self, size: int) -> None:
        self._view = memoryview(bytearray(size))
        self._lent = lend(self._view)

    def _receive(self) -> None:
        self._ring.recv(self._fd, self._lent, self._received)

    def _received(self, size: int, more: bool) -> None:
        if size <= 0:  # the end of the stream, with everything before it answered, or an error
            self._close()
            return
        try:
            self._reply, self._sent = self._handler(bytes(self._view[:size])), 0
        except Exception:  # a handler's error ends only its client, and is logged
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
        self._on_close()


Admit = Callable[[int, Callable[[], None]], object]
"""Takes the descriptor of a new client, and what to call once that is closed."""


class Acceptor:
    """The listener: one entry accepts client after client; at the descriptor limit accepting pauses.

    admit: what takes each new client; by default it is answered by the handler.
    """

    def __init__(
        self, ring: Ring, listener: socket.socket, handler: Handler = echo, admit: Admit | None = None
    ) -> None:
        answer = checked(handler)
        self._ring, self._listener = ring, listener
        self._admit = admit or (lambda fd, on_close: _Client(ring, fd, answer, on_close))
        self._accepting = False
        self._start_accepting()

    def _start_accepting(self) -> None:
        if not self._accepting:
            self._accepting = True
            self._ring.accept(self._listener.fileno(), self._accepted)

    def _accepted(self, result: int, more: bool) -> None:
        if result >= 0:
            self._admit(result, self._start_accepting)
        elif -result not in CLIENT_GONE | SHORTAGE:
            raise OSError(-result, os.strerror(-result))
        if more:
            return
        self._accepting = False
        if -result in SHORTAGE:  # or earlier, when a client of this server leaves; other processes free descriptors too
            self._ring.timeout(RETRY_SECONDS, lambda *_: self._start_accepting())
        else:
            self._start_accepting()


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` on an io_uring. Never returns."""
    run_on(new_ring(), listener, handler)


def new_ring() -> Ring:
    """A ring that does not interrupt the server for a completion, since the server soon asks for them anyway."""
    return Ring(_ENTRIES, _COMPLETIONS, SETUP_COOP_TASKRUN)


def run_on(ring: Ring, listener: socket.socket, handler: Handler) -> NoReturn:
    """Serve every client of `listener` on `ring`: the token of each entry is the function to call when it is done."""
    listener.setblocking(True)  # on a nonblocking socket the kernel completes with EAGAIN instead of waiting
    Acceptor(ring, listener, handler)
    while True:
        for done, result, more in ring.wait():
            done(result, more)
