"""Solutions of 02, Nonblocking: a round of a millisecond, a connect that does not wait, and a sleep that grows."""

import contextlib
import errno
import select
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import iomux
from iomux.solutions.page_servers import functions

if TYPE_CHECKING:
    import pandas as pd

PAGE = "02_nonblocking.ipynb"


class Round(NamedTuple):
    """How many clients should fill a millisecond, by the price of a question, and the median among so many."""

    clients: int
    p50_us: float


def page(*names: str) -> dict[str, Any]:
    """The page's functions of these names, with what they need."""
    return functions(PAGE, *names, iomux=iomux, time=time)


def question_us(questions: int = 5_000) -> float:
    """Microseconds of processor time that it takes to be told "nothing yet"."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        began = time.thread_time_ns()
        for _ in range(questions):
            with contextlib.suppress(BlockingIOError):
                near.recv(100)
        return (time.thread_time_ns() - began) / questions / 1000


def exercise_1() -> Round:
    """One asks among as many as a millisecond of questions has room for."""
    clients = round(1000 / question_us())
    with iomux.start(page("admit", "ask", "serve")["serve"]) as server:
        run = iomux.load(server, connections=clients, active=1, duration=0.3, warmup=0.1)
    return Round(clients, run.p50_us)


def connecting(address: tuple[str, int]) -> tuple[str, str]:
    """What a nonblocking connect says at once, and what SO_ERROR says when it is decided, by their names."""
    with socket.socket() as client:
        client.setblocking(False)
        at_once = client.connect_ex(address)
        select.select([], [client], [], 5)  # writable: it is decided
        ended = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode.get(at_once, "0"), errno.errorcode.get(ended, "0")


def exercise_2() -> dict[str, tuple[str, str]]:
    """Where somebody listens, and where nobody does any more."""
    with iomux.listen() as listener:
        address = listener.getsockname()
        listening = connecting(address)
    return {"listening": listening, "nobody": connecting(address)}


def backing_off(shortest: float = 0.001, longest: float = 0.05) -> Callable[[socket.socket], NoReturn]:
    """A server that sleeps after a round in vain, each time twice as long as before, seconds."""
    names = page("admit", "ask")
    admit, ask = names["admit"], names["ask"]

    def serve(listener: socket.socket) -> NoReturn:
        listener.setblocking(False)
        clients: list[socket.socket] = []
        pause = 0.0
        while True:
            admit(listener, clients)
            if any([True for _ in ask(clients)]):  # a list: `any` of the generator would end the round at the first
                pause = 0.0
                continue
            pause = min(max(shortest, 2 * pause), longest)
            time.sleep(pause)

    return serve


def exercise_3() -> "pd.DataFrame":
    """Both prices (`cpu_share` while nobody speaks, `p50_us` of one who asks) of it and of the two fixed sleeps."""
    import pandas as pd

    names = page("admit", "ask", "serve_resting", "resting", "both_prices")
    resting, both_prices = names["resting"], names["both_prices"]
    servers = {"1 ms": resting(0.001), "50 ms": resting(0.05), "backing off": backing_off()}
    return pd.DataFrame({name: both_prices(serve) for name, serve in servers.items()}).T
