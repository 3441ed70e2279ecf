"""Solutions of 01, Blocking: the stack of a thread, a pool of threads, and a client that never closes."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import iomux
from iomux.harness.memory import memory_held
from iomux.servers import threaded
from iomux.solutions.pages.page_servers import functions

if TYPE_CHECKING:
    import pandas as pd

PAGE = "01_blocking.ipynb"


class Turn(NamedTuple):
    """Two clients of a server with a time limit: the first is silent, the second sends a request."""

    seconds: float
    """Until the second client had its answer."""
    answer: bytes
    first_received: bytes
    """What the first client received; `b""`: the server has closed its connection."""


def small_stacks(listener: socket.socket) -> NoReturn:
    """The library's `threaded`, each thread with a stack of 256 KiB instead of `ulimit -s`."""
    threading.stack_size(256 * 1024)
    threaded.serve(listener)


def exercise_1(clients: int = 100) -> "pd.DataFrame":
    """The memory in RAM and the reserved memory per client, with default stacks (`serve`) and with small ones."""
    held = memory_held([threaded.serve, small_stacks], connections=clients)
    return held.set_index("server")[["rss_each_bytes", "virtual_each_bytes", "unserved"]]


def pooled(threads: int) -> Callable[[socket.socket], NoReturn]:
    """The page's threaded server with a pool of `threads` threads: a client waits until one of them is free."""
    converse = functions(PAGE, "converse")["converse"]

    def serve(listener: socket.socket) -> NoReturn:
        pool = ThreadPoolExecutor(threads)
        while True:
            client, _ = listener.accept()
            pool.submit(converse, client)

    return serve


def exercise_2(threads: int = 8) -> dict[int, int]:
    """The number of clients that a pool of eight threads never serves, by the number of clients."""
    unserved = {}
    for clients in (threads, 20):
        with iomux.start(pooled(threads)) as server:
            unserved[clients] = iomux.load(server, connections=clients, duration=0.1, deadline=0.3).unserved
    return unserved


def converse(client: socket.socket) -> None:
    """The page's conversation, with a client that may be silent for at most a tenth of a second."""
    client.settimeout(0.1)
    with client:
        try:
            while data := client.recv(4096):
                client.sendall(data)
        except TimeoutError:
            pass  # only this client loses its connection


def exercise_3() -> Turn:
    """One client is silent for ever, and a second one sends a request: is it answered, and after what time?"""
    serve = functions(PAGE, "serve", converse=converse)["serve"]
    with iomux.start(serve) as server:
        began = time.monotonic()
        silent, second = (socket.create_connection(server.address, timeout=5) for _ in range(2))
        with silent, second:
            second.sendall(b"hello?")
            answer = second.recv(100)
            return Turn(time.monotonic() - began, answer, silent.recv(100))
