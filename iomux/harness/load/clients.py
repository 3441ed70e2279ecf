"""The load generator's connections: opened, asked, answered, compared; each loss is counted by its kind.

A client here is a socket with at most one request in flight. What costs a reader nothing costs a
measurement dear: these few lines run once a request on the core beside the server's, so the usual case
(the whole reply in one piece, equal to what was sent) is one comparison, and all else is `Client.piece`.
"""

import errno
import itertools
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator

from iomux.system.procfs import backlog

_DISTINCT_PAYLOADS = 1021  # a prime: with most numbers of connections a client's next request differs from its last

_LOOK_SECONDS, _NO_PROGRESS_SECONDS = 0.02, 0.3

NOBODY_LISTENS = f"connect: {os.strerror(errno.ECONNREFUSED)}"
"""The kind of error of a connection to a port on which nobody listens."""


class Lost(Exception):
    """A client whose conversation is over; the message is the kind of error that is counted."""


class Client:
    """One connection and its request in flight."""

    __slots__ = (
        "asked_ns",
        "awaited",
        "got",
        "payload",
        "planned_ns",
        "recv",
        "send",
        "served",
        "sock",
        "unsent",
        "waiting",
    )

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.recv = sock.recv
        self.send = sock.send
        self.awaited: bytes | None = None  # the reply, when it may be taken in one piece
        self.payload = b""  # what was asked; empty while no request is in flight
        self.got = 0
        self.asked_ns = 0
        self.planned_ns = 0
        self.served = False
        self.unsent = memoryview(b"")
        self.waiting: deque[int] = deque()  # open loop: planned times of requests that wait for this one

    def piece(self, data: bytes) -> bool:
        """Take a part of the reply; True when it is whole. Raises Lost if it is not what was asked."""
        if not data:
            raise Lost("closed by the server")
        if not self.payload.startswith(data, self.got):
            raise Lost("wrong reply")
        self.got += len(data)
        if self.got < len(self.payload):
            self.awaited = None  # from here on only the rest fits
            return False
        self.got = 0
        return True


def payloads(size: int) -> Iterator[bytes]:
    """Requests of `size` random bytes, round and round; each begins elsewhere in the same random bytes."""
    count = min(_DISTINCT_PAYLOADS, max(3, (1 << 22) // size))
    pool = os.urandom(size + count)
    return itertools.cycle([pool[start : start + size] for start in range(count)])


def connect(address: tuple[str, int], count: int, deadline: float, errors: Counter[str]) -> list[Client]:
    """Open `count` connections, one after the other; those that fail are counted in `errors`.

    After the first that does not come about in `deadline` seconds (the backlog is full and nobody
    accepts) the others are counted with it and not tried.
    """
    clients: list[Client] = []
    for tried in range(count):
        sock = socket.socket()
        sock.settimeout(deadline)
        try:
            sock.connect(address)
        except TimeoutError:
            sock.close()
            errors["not connected in time"] += count - tried
            break
        except OSError as error:
            sock.close()
            errors[f"connect: {os.strerror(error.errno or 0)}"] += 1
            continue
        if sock.getsockname()[1] == address[1]:  # nobody listens, and the kernel gave us that very port: our own echo
            sock.close()
            errors[NOBODY_LISTENS] += 1
            continue
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients.append(Client(sock))
    return clients


def wait_until_accepted(address: tuple[str, int]) -> None:
    """Wait until the server has accepted everybody, or accepts no more: what it owes the backlog is no request's time.

    A connection is made by the kernel, and accepted later: on a busy machine a server may have thousands to accept when
    the last client connects, and does it in the middle of somebody's request.
    """
    left, since = backlog(address), time.monotonic()
    while left > 0 and time.monotonic() < since + _NO_PROGRESS_SECONDS:
        time.sleep(_LOOK_SECONDS)
        if (now := backlog(address)) < left:
            left, since = now, time.monotonic()


def spread(clients: list[Client], active: int) -> list[Client]:
    """`active` of the clients, spread evenly over them, the first one among them."""
    count = min(active, len(clients))
    return [clients[number * len(clients) // count] for number in range(count)]


def inspect_silent(clients: list[Client], errors: Counter[str]) -> None:
    """Count those connections without a request in flight that the server closed, or on which it spoke unasked."""
    for client in clients:
        try:
            data = client.sock.recv(1, socket.MSG_PEEK)
            errors["unasked bytes" if data else "closed by the server"] += 1
        except BlockingIOError:
            continue
        except OSError as error:
            errors[kind_of(error)] += 1


def kind_of(error: Exception) -> str:
    """The name under which an error is counted."""
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset by the server"
    return str(error) if isinstance(error, Lost) else os.strerror(getattr(error, "errno", 0) or 0)
