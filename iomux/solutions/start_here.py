"""Solutions of 00, Start here: the median with many clients, a client that is never served, an echo read to its end."""

import socket
from collections.abc import Sequence

import iomux
from iomux.servers.connection import Handler


def exercise_1(clients: Sequence[int] = (1, 10, 30, 100, 300), handler: Handler = iomux.echo) -> dict[int, float]:
    """By the number of clients, the median latency as a multiple of the first; ten times lies between two of them."""
    with iomux.start("poll", handler=handler) as server:
        medians = {n: iomux.load(server, connections=n, duration=0.1, warmup=0.05).p50_us for n in clients}
    return {n: median / medians[clients[0]] for n, median in medians.items()}


def exercise_2() -> iomux.LoadResult:
    """Load a server that serves one client at a time with two clients."""
    with iomux.start("blocking") as server:
        return iomux.load(server, connections=2, duration=0.2, deadline=0.3)


def exercise_3(sizes: Sequence[int] = (5, 200_000)) -> dict[int, tuple[bool, int]]:
    """By a message's size: whether all of it came back, in capitals, and how often `recv` was called for that."""
    found = {}
    with iomux.start("poll", handler=bytes.upper) as server, socket.create_connection(server.address) as client:
        for size in sizes:
            answer, calls = ask(client, size * b"a")
            found[size] = (answer == size * b"A", calls)
    return found


def ask(client: socket.socket, message: bytes) -> tuple[bytes, int]:
    """Send a message, and return its echo and how often `recv` was called. Raises EOFError if the server closes."""
    client.sendall(message)
    parts: list[bytes] = []
    while sum(map(len, parts)) < len(message):
        parts.append(client.recv(65536))
        if not parts[-1]:
            raise EOFError(f"the server closed the connection after {sum(map(len, parts)):,} bytes")
    return b"".join(parts), len(parts)
