"""Solutions of 00, Start here: what many clients do to the median, whom nobody serves, and a handler of one's own."""

import socket
from collections.abc import Sequence

import iomux
from iomux.servers.connection import Handler
from iomux.solutions.page_servers import functions


def exercise_1(clients: Sequence[int] = (1, 10, 30, 100, 300), handler: Handler = iomux.echo) -> dict[int, float]:
    """By the number of clients, their median as a multiple of the first's. The tenfold lies between two of them."""
    with iomux.start("poll", handler=handler) as server:
        medians = {n: iomux.load(server, connections=n, duration=0.1, warmup=0.05).p50_us for n in clients}
    return {n: median / medians[clients[0]] for n, median in medians.items()}


def exercise_2() -> iomux.LoadResult:
    """Two clients of a server that has time for one."""
    with iomux.start("blocking") as server:
        return iomux.load(server, connections=2, duration=0.2, deadline=0.3)


def exercise_3(said: bytes = b"quiet") -> bytes:
    """The answer of a server that shouts, to the page's `nc`."""
    nc = functions("00_start_here.ipynb", "nc", socket=socket)["nc"]
    with iomux.start("poll", handler=bytes.upper) as loud:
        answer: bytes = nc(loud.address, said)
        return answer
