"""Open many connections: from many addresses, or when each takes a round trip, many at the same time.

connect(2) of a nonblocking socket returns at once with EINPROGRESS; the socket becomes writable when the handshake is
done, or has failed, and SO_ERROR says which. One after the other, 300 connections over 20 ms take 300 round trips.
"""

import errno
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator

IP_BIND_ADDRESS_NO_PORT = 24
"""Choose the port only when the other end is known, so that it can be used again (ip(7)); Python has no name for it."""
_PORTS_OF_ADDRESS = 12_000
WINDOW = 256
"""How many connects are under way at once: a server's backlog holds that many, whatever it does meanwhile."""


def lend_port(sock: socket.socket) -> None:
    """Let a server listen at the port that the kernel chooses for this client, if the server sets SO_REUSEADDR as well.

    Else bind(2) fails there while the client is connected, and for a minute after (TIME_WAIT): a server whose port
    stands in its program could not be started for as long as somebody else's client has it (socket(7), SO_REUSEADDR).
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def connect_all(
    address: tuple[str, int], count: int, seconds: float, failed: Callable[[OSError, int], None]
) -> Iterator[socket.socket]:
    """Yield connected, nonblocking IPv4 sockets in the order in which their handshakes end.

    seconds: how long one may take. failed: called with the error, and the number of connections that it is for: one,
    or, when a handshake took too long (TimeoutError), all that are left.
    """
    poller, under_way, left = select.poll(), dict[int, tuple[socket.socket, float]](), count
    try:
        while left or under_way:
            while left and len(under_way) < WINDOW:
                left -= 1
                sock = socket.socket()
                sock.setblocking(False)
                lend_port(sock)
                if (number := sock.connect_ex(address)) in (0, errno.EINPROGRESS):
                    under_way[sock.fileno()] = sock, time.monotonic() + seconds
                    poller.register(sock, select.POLLOUT)
                else:
                    sock.close()
                    failed(OSError(number, os.strerror(number)), 1)
            oldest = next((due for _, due in under_way.values()), 0.0) - time.monotonic()
            ready = poller.poll(max(oldest, 0.0) * 1000) if under_way else []
            if under_way and not ready and oldest <= 0:
                failed(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), left + len(under_way))
                return
            for descriptor, _ in ready:
                poller.unregister(descriptor)
                sock, _ = under_way.pop(descriptor)
                if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    sock.close()
                    failed(OSError(number, os.strerror(number)), 1)
                else:
                    yield sock
    finally:
        for sock, _ in under_way.values():
            sock.close()


def bind_to_source(sock: socket.socket, process: int, number: int) -> None:
    """Let connection `number` of a process come from `source_of` them; does nothing where there is but one address."""
    if sock.family == socket.AF_INET and sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source_of(process, number), 0))


def source_of(process: int, number: int) -> str:
    """The loopback address from which connection `number` of a process is made: all of 127.0.0.0/8 is this machine.

    A port may be used again from another address. One address has some 28,000 to one server, and the kernel finds half
    of them quickly: those that are as even or odd as the first one of ip_local_port_range (ip(7); inet_hash_connect).

    Example:
    >>> from iomux.system.network.connecting import source_of
    >>> source_of(0, 0), source_of(53, 18_519)
    ('127.1.0.1', '127.54.0.2')
    """
    return f"127.{process % 254 + 1}.0.{number // _PORTS_OF_ADDRESS % 254 + 1}"
