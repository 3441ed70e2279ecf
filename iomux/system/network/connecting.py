"""Open many connections when each takes a round trip: a window of connects that are under way at the same time.

connect(2) of a nonblocking socket returns at once with EINPROGRESS; the socket becomes writable when the handshake is
done, or has failed, and SO_ERROR says which. One after the other, 300 connections over 20 ms take 300 round trips.
"""

import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterator

WINDOW = 256
"""How many connects are under way at once: a server's backlog holds that many, whatever it does meanwhile."""


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
