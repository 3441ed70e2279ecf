"""One client connection of a nonblocking server: it reads, answers and buffers unsent bytes, and never waits.

Three facts about nonblocking stream sockets determine this code:

- `send` takes what fits into the kernel's buffer and no more. The rest is *owed*, and is sent when the
  socket is writable. Interest in writing lasts only while something is owed: a socket is nearly always
  writable, and a loop that always waits for that never sleeps.
- The bytes owed to a client that does not read grow without bound. So above a *high-water mark* its
  requests stay in the kernel, whose buffer fills, and TCP's window makes the client stop
  (RFC 9293, section 3.8.6). That is back-pressure.
- `recv` returning no bytes means that the client will send no more. It may still read (half-close,
  shutdown(2)), so the owed bytes are sent first, and only then is the socket closed.

Cost: two system calls for each request.
"""

import contextlib
import socket
from collections.abc import Callable

from iomux.servers.protocol.interest import OVER as OVER
from iomux.servers.protocol.interest import READ as READ
from iomux.servers.protocol.interest import WRITE as WRITE
from iomux.servers.protocol.interest import log_error as log_error

HIGH_WATER_BYTES = 256 * 1024
"""The number of owed bytes from which on nothing is read from a client until it has taken some."""
CHUNK_BYTES = 64 * 1024
"""Most bytes read from one client in one turn, which bounds the delay for the others. Well below 128 KiB, from
which on malloc(3) gets fresh memory from the kernel at every call (mallopt(3), M_MMAP_THRESHOLD)."""
REFUSED = "a client was refused"
"""What a server writes to its log when it meets a limit of its mechanism."""

Handler = Callable[[bytes], bytes]
"""Maps the bytes that arrived to the bytes to send back. A stream has no message boundaries: the bytes of one
`send` may arrive in pieces, or together with those of the next."""


def echo(data: bytes) -> bytes:
    """Send back what arrived (RFC 862).

    Example:
    >>> iomux.echo(b"hello")
    b'hello'
    """
    return data


def checked(handler: Handler) -> Handler:
    """The handler with its replies checked: bytes-like becomes bytes, anything else raises TypeError."""

    def answer(data: bytes) -> bytes:
        reply = handler(data)
        return reply if type(reply) is bytes else bytes(memoryview(reply))

    return handler if handler is echo else answer


class Connection:
    """The state of one client: `advance` makes the calls that do not wait, `interest` says what to wait for next.

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
        """The client's nonblocking socket."""
        self.interest = READ
        """What to wait for: READ, WRITE, both, or OVER when the connection should be closed."""
        self.owed = bytearray()
        """The bytes of answers that are not sent yet."""
        self.ended = False
        """Whether the client has sent its last byte (`recv` returned none)."""
        self.drained = False
        """Set when there is nothing to do until something new happens, for example when `recv` returned EAGAIN; for
        edge-triggered loops, which reset it before they read."""
        self._handler = checked(handler)
        self._recv = sock.recv
        self._send = sock.send

    def advance(self) -> bool:
        """Send what is owed, read once and answer, without waiting; return whether `interest` has changed."""
        receive, handler, send = self._recv, self._handler, self._send  # self._recv() would look for a method first
        try:
            if self.owed and not self._send_owed():
                self.drained = True  # the kernel's buffer is full: the next edge is EPOLLOUT
                return self._update_interest()
            data = receive(CHUNK_BYTES)
        except BlockingIOError:
            self.drained = True
            return self._update_interest()
        except OSError:  # reset, or timed out: only this client is lost
            return self._give_up()
        if not data:
            self.ended = self.drained = True
            return self._update_interest()
        try:
            reply = handler(data)
        except Exception:  # a handler's error ends only its client, and is logged
            log_error()
            return self._give_up()
        try:
            sent = 0 if self.owed else send(reply)  # nothing may overtake what is owed
        except BlockingIOError:
            sent = 0
        except OSError:
            return self._give_up()
        if sent == len(reply) and self.interest == READ:
            return False  # nearly always
        self.owed += memoryview(reply)[sent:]
        self.drained = len(self.owed) >= HIGH_WATER_BYTES
        return self._update_interest()

    def close(self) -> None:
        """Close the socket; its descriptor is free at once."""
        self.sock.close()

    def _send_owed(self) -> bool:
        """Send some of what is owed; return whether to read on."""
        with contextlib.suppress(BlockingIOError):
            del self.owed[: self._send(self.owed)]
        return not self.ended and len(self.owed) < HIGH_WATER_BYTES

    def _update_interest(self) -> bool:
        """Set `interest` from what is owed; return whether it has changed."""
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
