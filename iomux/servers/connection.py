"""One client of a nonblocking server: what it has sent, what it is still owed. Never waits.

Three facts about a nonblocking stream socket decide the shape of this file:

- `send` takes what fits into the kernel's buffer and no more. The rest is *owed*, and is sent when the
  socket is writable. Interest in writing lasts only while something is owed: a socket is writable nearly
  always, and a loop that keeps asking for it never sleeps.
- A client that does not read makes what it is owed grow without end. So above a *high-water mark* its
  requests are left in the kernel, whose buffer fills, and TCP's window tells the client to stop
  (RFC 9293, section 3.8.6). That is back-pressure.
- `recv` returning no bytes means that the client will send no more. It may still read (half-close,
  shutdown(2)), so what is owed is delivered first, and only then is the socket closed.

What it costs: two system calls a request.
"""

import contextlib
import socket
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

READ = 0x001
"""Interest in reading, and readiness for it: POLLIN, and EPOLLIN has the same value (poll.h, epoll.h)."""
WRITE = 0x004
"""Interest in writing, and readiness for it: POLLOUT and EPOLLOUT."""
OVER = 0
"""No interest is left: the connection has ended and is to be closed."""

HIGH_WATER_BYTES = 256 * 1024
"""Owed bytes from which on a client is not read from until it has taken some of them."""
CHUNK_BYTES = 64 * 1024
"""Bytes read from one client in one turn: the most by which one client can delay the others. Well below
128 KiB, from which on malloc(3) asks the kernel for fresh memory at every call (mallopt(3), M_MMAP_THRESHOLD)."""

Handler = Callable[[bytes], bytes]
"""Maps the bytes that arrived to the bytes to send back. A stream has no message boundaries: what one
`send` of the client carried may arrive in pieces, or glued to the next."""


def echo(data: bytes) -> bytes:
    """Send back what arrived (RFC 862).

    Example:
    >>> iomux.echo(b"hello")
    b'hello'
    """
    return data


def checked(handler: Handler) -> Handler:
    """The handler, held to its contract: any bytes-like reply becomes bytes, anything else is a TypeError."""

    def answer(data: bytes) -> bytes:
        reply = handler(data)
        return reply if type(reply) is bytes else bytes(memoryview(reply))

    return handler if handler is echo else answer


def log_error(*lines: str) -> None:
    """Write the lines, or the exception being handled, to standard error; nobody reading it is no error."""
    with contextlib.suppress(OSError, ValueError):
        print(*(lines or (traceback.format_exc(),)), sep="\n", file=sys.stderr, flush=True)


class Connection:
    """The state of one client; `advance` does all that can be done now, `interest` is what to wait for.

    Example:
    >>> from iomux.servers.connection import READ, Connection
    >>> from iomux.system.sockets import tcp_pair
    >>> near, far = tcp_pair()
    >>> with near, far:
    ...     connection = Connection(near, iomux.echo)
    ...     print(connection.interest == READ, len(connection.owed))
    True 0
    """

    __slots__ = ("_handler", "_recv", "_send", "drained", "ended", "interest", "owed", "sock")

    def __init__(self, sock: socket.socket, handler: Handler) -> None:
        self.sock = sock
        self.interest = READ
        self.owed = bytearray()
        self.ended = False
        self.drained = False  # the last `recv` found nothing more: edge-triggered loops need to know
        self._handler = checked(handler)
        self._recv = sock.recv
        self._send = sock.send

    def advance(self) -> bool:
        """Send what is owed, read once, answer, and never wait; say whether `interest` has changed."""
        try:
            if self.owed and not self._send_owed():
                return self._update_interest()
            data = self._recv(CHUNK_BYTES)
        except BlockingIOError:
            self.drained = True
            return self._update_interest()
        except OSError:  # reset, or timed out: this client is lost, the server is not
            return self._give_up()
        if not data:
            self.ended = True
            return self._update_interest()
        try:
            reply = self._handler(data)
        except Exception:  # the handler's fault ends its own client, and says so
            log_error()
            return self._give_up()
        try:
            sent = 0 if self.owed else self._send(reply)  # nothing may overtake what is owed
        except BlockingIOError:
            sent = 0
        except OSError:
            return self._give_up()
        if sent == len(reply) and self.interest == READ:
            return False  # nearly always
        self.owed += memoryview(reply)[sent:]
        return self._update_interest()

    def close(self) -> None:
        """Close the socket; its descriptor is free at once."""
        self.sock.close()

    def _send_owed(self) -> bool:
        """Send some of what is owed; say whether to read on."""
        with contextlib.suppress(BlockingIOError):
            del self.owed[: self._send(self.owed)]
        return not self.ended and len(self.owed) < HIGH_WATER_BYTES

    def _update_interest(self) -> bool:
        """Set the interest that follows from what is owed; say whether it has changed."""
        before = self.interest
        if not self.owed:
            self.interest = OVER if self.ended else READ
        elif self.ended or len(self.owed) >= HIGH_WATER_BYTES:
            self.interest = WRITE
        else:
            self.interest = READ | WRITE
        return self.interest != before

    def _give_up(self) -> bool:
        self.interest = OVER
        return True


REFUSED = "a client was refused"
"""What a server of ours writes to its log when it meets a limit of its mechanism."""
