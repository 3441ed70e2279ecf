"""Solutions of 00, Start here: the median with many clients, a client that is never served, and a new handler."""

import socket
from collections.abc import Sequence

import iomux
from iomux.servers.connection import Handler
from iomux.solutions.pages.page_servers import functions


def exercise_1(clients: Sequence[int] = (1, 10, 30, 100, 300), handler: Handler = iomux.echo) -> dict[int, float]:
    """By the number of clients, the median latency as a multiple of the first; ten times lies between two of them."""
    with iomux.start("poll", handler=handler) as server:
        medians = {n: iomux.load(server, connections=n, duration=0.1, warmup=0.05).p50_us for n in clients}
    return {n: median / medians[clients[0]] for n, median in medians.items()}


def exercise_2() -> iomux.LoadResult:
    """Load a server that serves one client at a time with two clients."""
    with iomux.start("blocking") as server:
        return iomux.load(server, connections=2, duration=0.2, deadline=0.3)


def exercise_3(message: bytes = b"quiet") -> bytes:
    """The answer to the page's `nc` of a server that turns everything into capitals."""
    nc = functions("00_start_here.ipynb", "nc", socket=socket)["nc"]
    with iomux.start("poll", handler=bytes.upper) as server:
        answer: bytes = nc(server.address, message)
        return answer
