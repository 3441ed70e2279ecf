"""Worlds for 01, blocking: a full backlog, a port in use, and what a switch or a question costs."""

import socket
from types import SimpleNamespace
from typing import Any

import pandas as pd

from tests.course.falsifiers.world import World

PAGE = "01_blocking.ipynb"
MANY, FEW = "100 threads switch at least once in five requests", "one thread switches a fifth as often as 100, or less"
THOUSAND = "1,000 threads switch 5 times as often as one thread"
TAIL = "1,000 threads have a tail 1.5 times as long as one thread's"
ONLY = "only the server that closed first, without the option, cannot start again"
NOT_TWO = "SO_REUSEADDR does not let two servers listen on one port"
ALL_START = {(first, reuse): "starts" for first in ("client", "server") for reuse in (False, True)}
AS_SEEN = ALL_START | {("server", False): "Address already in use"}


def roomy() -> dict[str, Any]:
    """Sockets of a kernel that has always room for sixteen."""

    def create_server(address: tuple[str, int], backlog: int) -> socket.socket:
        return socket.create_server(address, backlog=backlog + 13)

    return {"socket": SimpleNamespace(create_server=create_server, create_connection=socket.create_connection)}


def shared(listener: socket.socket, port: int, reuse: bool) -> None:
    """Listen with the option that does let several sockets listen on a port."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse)
    listener.bind(("127.0.0.1", port))
    listener.listen()


def both_start(port: int, reuse: bool) -> str:
    with socket.socket() as listener:
        shared(listener, port, reuse)
    return "starts"


def crowd(threaded: float = 1.0, poll: float = 0.0, tail: float = 300_000) -> dict[str, Any]:
    """How often servers switch for a request, and the slowest in a hundred, in µs; poll's is 8,000."""
    rows = [
        (server, count, switches, p99_us)
        for count in (1, 100, 1_000)
        for server, switches, p99_us in (("threaded", threaded, tail), ("poll", poll, 8_000))
    ]
    return {"crowd": pd.DataFrame(rows, columns=["server", "connections", "switches", "p99_us"]).assign(doubts="")}


def asking(more: float) -> dict[str, Any]:
    """Forty rounds in which asking first costs so many times as much as not asking."""
    rounds = {"blocking": 2.5, "select": 2.6 * more, "poll": 2.5 * more, "epoll": 2.5 * more, "again": 2.5}
    end = SimpleNamespace(close=lambda: None)
    return {"work": pd.DataFrame([rounds] * 40), "near": end, "far": end}


WORLDS = (
    World(
        "a backlog of two has room for all",
        "backlog-six",
        {"three of six clients are connected, and the others get no answer": False},
        roomy,
        before=["backlog-knock"],
    ),
    World(
        "the client is told that there is room",
        "backlog-late-verdict",
        {"the fourth client loses more than half a second, though there was room after 0.1 s": False},
        lambda: {"took": 0.11},
    ),
    World(
        "old connections keep no port",
        "reuse-verdicts",
        {ONLY: False, NOT_TWO: True},
        lambda: {"starts": ALL_START},
        before=["reuse-bound", "reuse-outcome"],
    ),
    World(
        "the option changes nothing",
        "reuse-verdicts",
        {ONLY: False, NOT_TWO: True},
        lambda: {"starts": AS_SEEN | {("server", True): "Address already in use"}},
        before=["reuse-bound", "reuse-outcome"],
    ),
    World(
        "the option shares a port",
        "reuse-verdicts",
        {ONLY: True, NOT_TWO: False},
        lambda: {"starts": AS_SEEN, "listen_on": shared, "outcome": both_start},
    ),
    World(
        "threads that never sleep",
        "1821038a",
        {MANY: False, FEW: False, THOUSAND: False},
        lambda: crowd(threaded=0.0),
    ),
    World(
        "one thread sleeps for each request, too",
        "1821038a",
        {MANY: True, FEW: False, THOUSAND: False},
        lambda: crowd(poll=1.0),
    ),
    World(
        "threads are served in turn",
        "tail-verdict",
        {TAIL: False},
        lambda: crowd(tail=9_000),
        before=["1821038a"],
    ),
    World(
        "asking is nearly free",
        "0654c1e1",
        {"asking first adds a twentieth to the work or more": False},
        lambda: asking(more=1.02),
    ),
)
