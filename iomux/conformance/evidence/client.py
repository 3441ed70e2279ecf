"""A client of a short conversation: a nonblocking socket, and the bytes that go through it in both directions."""

import contextlib
import select
import socket
import time
from collections.abc import Callable

TICK_SECONDS = 0.1
"""How long a client waits before it asks whether to give up."""
CLOSED, RESET = "the connection was closed", "the connection was reset"
URGENT = b"!"
"""The urgent byte that it sends; a server may read it in line, or skip it."""
_READ_BYTES = 1 << 18


class Client:
    """One client: what it still has to send, what it is owed, and what has come."""

    def __init__(self, address: tuple[str, int], over: float) -> None:
        self._over = over
        self.sock = socket.create_connection(address, timeout=2)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.pending, self.then_shut_down = memoryview(b""), False
        self.owed, self.came = bytearray(), bytearray()
        self.how, self.urgent = "", False

    def write(self) -> None:
        """Send what can be sent."""
        try:
            self.pending = self.pending[self.sock.send(self.pending) :]
        except BlockingIOError:
            return
        except ConnectionError:
            self.pending = memoryview(b"")
        if not self.pending and self.then_shut_down:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def read(self) -> None:
        """Receive what has come."""
        try:
            piece = self.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            self.how = RESET
            return
        if not piece:
            self.how = CLOSED
        self.came += piece
        if self.urgent and not self.owed.startswith(self.came):  # read in line (SO_OOBINLINE), which is allowed
            self.came = self.came.replace(URGENT, b"", 1)

    def move(self, until: Callable[[], bool], quiet: Callable[[float], bool], reads: bool = True) -> None:
        """Send and receive until something is true, or `quiet` says so of the seconds since anything moved.

        Raises TimeoutError when the time for the whole conversation is over.
        """
        moved = time.monotonic()
        while not until():
            if time.monotonic() > self._over:
                raise TimeoutError("there is no time left for this conversation")
            wanted = (select.POLLIN if reads and not self.how else 0) | (select.POLLOUT if self.pending else 0)
            if not wanted:
                return
            poller = select.poll()
            poller.register(self.sock, wanted)
            events = poller.poll(TICK_SECONDS * 1000)
            if not events and quiet(time.monotonic() - moved):
                return
            for _, event in events:
                moved = time.monotonic()
                if event & (select.POLLOUT | select.POLLERR) and self.pending:
                    self.write()
                if reads and event & (select.POLLIN | select.POLLHUP | select.POLLERR):
                    self.read()

    def wrong(self) -> bool:
        """Whether more came than is due, or something else."""
        last = max(0, len(self.came) - _READ_BYTES)
        return not self.owed.startswith(bytes(self.came[last:]), last)
