"""A client in Python for any protocol whose replies to one request all have the same length: a closed loop.

It stands in for wrk and redis-benchmark where these are missing. The reply is learnt from one exchange; from then on
each connection sends its requests, waits until as many bytes have come, and sends again. Cost: it runs in a process of
its own, and needs about as much processor time as the server, so that it may be what limits a figure.
"""

import selectors
import socket
import time
from collections.abc import Callable

from iomux.system.sockets import Address

Complete = Callable[[bytes], int]
"""The length of the first reply in these bytes; 0 if it is not complete."""


def http_length(heard: bytes) -> int:
    """The length of an answer with a Content-Length (RFC 9112, section 6.3), or 0.

    Example:
    >>> from iomux.course.clients.closed_loop import http_length
    >>> http_length(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nhi")
    40
    """
    head, end, body = heard.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    if not end or not lengths:
        return 0
    length = int(lengths[0].partition(b":")[2])
    return len(head) + 4 + length if len(body) >= length else 0


def resp_length(heard: bytes) -> int:
    """The length of a simple or a bulk reply of Redis' protocol, or 0.

    Example:
    >>> from iomux.course.clients.closed_loop import resp_length
    >>> resp_length(b"$3\\r\\nada\\r\\n")
    9
    """
    line, end, rest = heard.partition(b"\r\n")
    bulk = int(line[1:]) + 2 if line[:1] == b"$" and line != b"$-1" else 0
    return len(line) + 2 + bulk if end and len(rest) >= bulk else 0


def run(
    address: Address, request: bytes, complete: Complete, connections: int, seconds: float, depth: int = 1
) -> tuple[int, list[int]]:
    """Send `request` for some seconds, `depth` of them at a time on each connection; return answers and latencies.

    The latencies, in nanoseconds, are those of each batch of `depth`. Raises ConnectionError if the server ends a
    connection, and TimeoutError if it does not answer for five seconds.
    """
    size = depth * _first_reply(address, request, complete)
    socks = [socket.create_connection(address, timeout=5) for _ in range(connections)]
    waiting, sent_at = dict.fromkeys(socks, size), dict.fromkeys(socks, time.perf_counter_ns())
    taken: list[int] = []
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ)
            sock.sendall(request * depth)
        until = time.perf_counter_ns() + int(seconds * 1e9)
        while (now := time.perf_counter_ns()) < until:
            for sock in [key.fileobj for key, _ in selector.select(0.1)]:
                assert isinstance(sock, socket.socket)
                waiting[sock] -= len(_received(sock))
                if waiting[sock] == 0:
                    now = time.perf_counter_ns()
                    taken.append(now - sent_at[sock])
                    waiting[sock], sent_at[sock] = size, now
                    sock.sendall(request * depth)
    for sock in socks:
        sock.close()
    return len(taken) * depth, taken


def _first_reply(address: Address, request: bytes, complete: Complete) -> int:
    heard = b""
    with socket.create_connection(address, timeout=5) as sock:
        sock.sendall(request)
        while not (length := complete(heard)):
            heard += _received(sock)
    return length


def _received(sock: socket.socket) -> bytes:
    if data := sock.recv(1 << 20):
        return data
    raise ConnectionError("the server ended a connection that it should have kept")
