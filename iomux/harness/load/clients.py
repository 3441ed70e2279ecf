"""The load generator's connections: open them, wait for replies, compare these, and count losses by the kind of error.

A client here is a socket with at most one request in flight. Its code runs once for each request next to the
server, so the common case (the whole reply in one piece, equal to the request) is one comparison, and
`Client.piece` handles everything else.
"""

import errno
import itertools
import os
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from iomux.system.network.connecting import bind_to_source, connect_all, lend_port
from iomux.system.procfs import backlog
from iomux.system.sockets import LOOPBACK, family_of

_DISTINCT_PAYLOADS = 1021  # a prime, so that for most numbers of clients a client's next request differs

_CHECK_SECONDS, _NO_PROGRESS_SECONDS = 0.02, 0.3

NOBODY_LISTENS = f"connect: {os.strerror(errno.ECONNREFUSED)}"
"""The kind of error of a connection to a port on which no process listens."""


class Lost(Exception):
    """A client that can't continue; the message is the kind of error under which it is counted."""


class Client:
    """One connection and its request in flight."""

    __slots__ = (
        "awaited",
        "got",
        "payload",
        "planned_ns",
        "recv",
        "send",
        "sent_ns",
        "served",
        "sock",
        "take",
        "unsent",
    )

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.recv = sock.recv
        self.send = sock.send
        self.awaited: bytes | None = None  # the reply, while it can still come in one piece
        self.payload = b""  # the request; empty while none is in flight
        self.got = 0
        self.sent_ns = 0
        self.planned_ns = 0
        self.served = False
        self.unsent = memoryview(b"")
        self.take: Callable[[bytes], bool] | None = None  # takes a piece of a reply, if the server is no echo

    def piece(self, data: bytes) -> bool:
        """Take a part of the reply; return whether it is complete. Raises Lost if it is wrong."""
        if self.take:
            return self.take(data)
        if not data:
            raise Lost("closed by the server")
        if not self.payload.startswith(data, self.got):
            raise Lost("wrong reply")
        self.got += len(data)
        if self.got < len(self.payload):
            self.awaited = None  # the rest can no longer be compared with the whole
            return False
        self.got = 0
        return True


def payloads(size: int) -> Iterator[bytes]:
    """Requests of `size` random bytes in an endless cycle; each starts elsewhere in the same random bytes."""
    count = min(_DISTINCT_PAYLOADS, max(3, (1 << 22) // size))
    pool = os.urandom(size + count)
    return itertools.cycle([pool[start : start + size] for start in range(count)])


def connect(
    address: tuple[str, int], count: int, deadline: float, errors: Counter[str], source: int | None = None
) -> list[Client]:
    """Open `count` connections, one after another on loopback; count those that fail in `errors`.

    source: the number of this process among several, each of which connects from addresses of its own (`source_of`);
    by default the kernel chooses the address. If one is not connected within `deadline` seconds (the backlog is full
    and the server does not accept), the remaining ones are counted with it and not tried.
    """
    if not address[0].startswith(LOOPBACK):  # each takes a round trip
        return _connect_at_once(address, count, deadline, errors)
    clients: list[Client] = []
    for tried in range(count):
        sock = socket.socket(family_of(address))
        sock.settimeout(deadline)
        try:
            if source is not None and address[0].startswith(LOOPBACK):
                bind_to_source(sock, source, tried)
            else:
                lend_port(sock)
            sock.connect(address)
        except TimeoutError:
            sock.close()
            errors["not connected in time"] += count - tried
            break
        except OSError as error:
            sock.close()
            errors[f"connect: {os.strerror(error.errno or 0)}"] += 1
            continue
        if source is None and sock.getsockname()[1] == address[1]:  # no listener: the kernel took this port itself
            sock.close()
            errors[NOBODY_LISTENS] += 1
            continue
        clients.append(_client(sock))
    return clients


def _connect_at_once(address: tuple[str, int], count: int, deadline: float, errors: Counter[str]) -> list[Client]:
    def failed(error: OSError, those: int) -> None:
        late = isinstance(error, TimeoutError)
        errors["not connected in time" if late else f"connect: {os.strerror(error.errno or 0)}"] += those

    return [_client(sock) for sock in connect_all(address, count, deadline, failed)]


def _client(sock: socket.socket) -> Client:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Client(sock)


def wait_until_accepted(address: tuple[str, int], pid: int | None = None) -> None:
    """Wait until the server has accepted all connections, or stops accepting, so that no request waits for the backlog.

    The kernel makes a connection, and the server accepts it later: on a busy machine it may still have thousands to
    accept when the last client connects, and would do so in the middle of a request.
    """
    left, since = backlog(address, pid), time.monotonic()
    while left > 0 and time.monotonic() < since + _NO_PROGRESS_SECONDS:
        time.sleep(_CHECK_SECONDS)
        if (now := backlog(address, pid)) < left:
            left, since = now, time.monotonic()


def spread(clients: list[Client], active: int) -> list[Client]:
    """`active` of the clients, spread evenly over the list and including the first."""
    count = min(active, len(clients))
    return [clients[number * len(clients) // count] for number in range(count)]


def inspect_silent(clients: list[Client], errors: Counter[str]) -> None:
    """Count the connections without a request in flight that the server closed, or on which it sent bytes."""
    for client in clients:
        try:
            data = client.sock.recv(1, socket.MSG_PEEK)
            errors["bytes without a request" if data else "closed by the server"] += 1
        except BlockingIOError:
            continue
        except OSError as error:
            errors[kind_of(error)] += 1


def kind_of(error: Exception) -> str:
    """The name under which an error is counted."""
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "reset by the server"
    return str(error) if isinstance(error, Lost) else os.strerror(getattr(error, "errno", 0) or 0)


def quickest_poller() -> tuple[Any, Callable[[float], list[tuple[int, int]]]]:
    """The fastest poller of this system, and its waiting call, which takes seconds."""
    if hasattr(select, "epoll"):
        epoll = select.epoll()
        return epoll, epoll.poll
    poll = select.poll()
    return poll, lambda seconds: poll.poll(seconds * 1000)
