"""Solutions of 02, Nonblocking: a round of one millisecond, a nonblocking connect, and a sleep that grows."""

import contextlib
import errno
import select
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import iomux
from iomux.solutions.pages.page_servers import functions

if TYPE_CHECKING:
    import pandas as pd

PAGE = "02_nonblocking.ipynb"


class Round(NamedTuple):
    """How many clients fill a millisecond, from the cost of one empty read, and the median latency among that many."""

    clients: int
    p50_us: float


def page(*names: str) -> dict[str, Any]:
    """The page's functions with these names, and the modules that they need."""
    return functions(PAGE, *names, iomux=iomux, time=time)


def empty_read_us(reads: int = 5_000) -> float:
    """Microseconds of processor time for one empty read (EAGAIN)."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        began = time.thread_time_ns()
        for _ in range(reads):
            with contextlib.suppress(BlockingIOError):
                near.recv(100)
        return (time.thread_time_ns() - began) / reads / 1000


def exercise_1() -> Round:
    """The latency of one active client among as many as the server can try in a millisecond."""
    clients = round(1000 / empty_read_us())
    with iomux.start(page("admit", "look", "ask", "serve")["serve"]) as server:
        run = iomux.load(server, connections=clients, active=1, duration=0.3, warmup=0.1)
    return Round(clients, run.p50_us)


def connecting(address: tuple[str, int]) -> tuple[str, str]:
    """The names of the error of a nonblocking connect at once, and of SO_ERROR when the attempt has ended."""
    with socket.socket() as client:
        client.setblocking(False)
        at_once = client.connect_ex(address)
        select.select([], [client], [], 5)  # writable: the attempt has ended
        ended = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode.get(at_once, "0"), errno.errorcode.get(ended, "0")


def exercise_2() -> dict[str, tuple[str, str]]:
    """Both errors for an address with a listener, and for one whose listener was closed."""
    with iomux.listen() as listener:
        address = listener.getsockname()
        listening = connecting(address)
    return {"listening": listening, "nobody": connecting(address)}


def backing_off(shortest: float = 0.001, longest: float = 0.05) -> Callable[[socket.socket], NoReturn]:
    """A server that sleeps after a round of empty reads, each time twice as long as before; in seconds."""
    names = page("admit", "look", "ask")
    admit, ask = names["admit"], names["ask"]

    def serve(listener: socket.socket) -> NoReturn:
        listener.setblocking(False)
        clients: list[socket.socket] = []
        pause = 0.0
        while True:
            admit(listener, clients)
            if ask(clients):
                pause = 0.0
                continue
            pause = min(max(shortest, 2 * pause), longest)
            time.sleep(pause)

    return serve


def exercise_3() -> "pd.DataFrame":
    """`cpu_share` with silent clients and `p50_us` of one active client, for it and for two fixed sleeps."""
    import pandas as pd

    names = page("admit", "look", "ask", "serve_resting", "resting", "both_prices")
    resting, both_prices = names["resting"], names["both_prices"]
    servers = {"1 ms": resting(0.001), "50 ms": resting(0.05), "backing off": backing_off()}
    return pd.DataFrame({name: both_prices(serve) for name, serve in servers.items()}).T
