"""Solutions of 08: the phases of a mebibyte, a handler that sleeps, fifty at once, and a relay without a copy.

Cost: the first three trace a server for some hundred requests; the last relays 4 MiB some twenty times.
"""

import functools
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import iomux
from iomux.harness.timeline.phases import PHASES
from iomux.system.sockets import tcp_pair

if TYPE_CHECKING:
    import pandas as pd

PHASES_US = [f"{phase}_us" for phase in PHASES]
SIZE_BYTES = 4 << 20
ROUNDS = 12
Relay = Callable[[socket.socket, socket.socket, int], None]
"""Passes the given number of bytes on from the first socket, where they wait, to the second."""


def exercise_1(mechanism: str = "epoll") -> "pd.DataFrame":
    """A row for each size in bytes: the median of each phase and the total in µs; recv and send calls per request."""
    import pandas as pd

    rows = {}
    for size in (64, 1 << 20):
        frame = iomux.timeline(mechanism, size=size, requests=50)
        counted = frame.attrs["syscalls_per_request"]
        rows[size] = frame[[*PHASES_US, "total_us"]].median().to_dict() | {kind: counted[kind] for kind in _MOVING}
    return pd.DataFrame(rows).T.rename_axis("size_bytes")


_MOVING = "recv", "send"


def exercise_2(mechanism: str = "epoll", seconds: float = 0.005) -> "pd.DataFrame":
    """A row for each handler, `echo` and one that sleeps for `seconds`: the median of each phase in µs."""
    import pandas as pd

    medians = {
        name: iomux.timeline(mechanism, handler=handler, requests=50)[PHASES_US].median()
        for name, handler in (("echo", iomux.echo), ("sleeps", functools.partial(_sleep_and_echo, seconds)))
    }
    return pd.DataFrame(medians).T


def _sleep_and_echo(seconds: float, data: bytes) -> bytes:
    time.sleep(seconds)
    return data


def exercise_3(mechanism: str = "epoll") -> "pd.DataFrame":
    """A row for each number of active clients among fifty: the median of each phase in µs."""
    import pandas as pd

    counts = 1, 50
    medians = {n: iomux.timeline(mechanism, connections=50, active=n, requests=200)[PHASES_US].median() for n in counts}
    return pd.DataFrame(medians).T.rename_axis("active")


def exercise_4() -> "pd.Series[float]":
    """Median processor time in ms of the thread that relays 4 MiB, by the way: `copied` or `spliced`."""
    import pandas as pd

    ways: dict[str, Relay] = {"copied": copied, "spliced": spliced}
    rows = [{name: _thread_ms(relay) for name, relay in ways.items()} for _ in range(ROUNDS)]
    return pd.DataFrame(rows).median()


def copied(near: socket.socket, onward: socket.socket, size: int) -> None:
    """Relay through the memory of this process."""
    view = memoryview(bytearray(1 << 16))
    while size:
        came = near.recv_into(view, min(size, len(view)))
        onward.sendall(view[:came])
        size -= came


def spliced(near: socket.socket, onward: socket.socket, size: int) -> None:
    """Relay through a pipe, by pages: no byte enters the memory of this process (splice(2))."""
    pipe_out, pipe_in = os.pipe()
    try:
        while size:
            size -= (came := os.splice(near.fileno(), pipe_in, size))
            while came:
                came -= os.splice(pipe_out, onward.fileno(), came)
    finally:
        os.close(pipe_out)
        os.close(pipe_in)


def _thread_ms(relay: Relay) -> float:
    """Processor time in ms of one relay between two other threads; raises RuntimeError if the bytes differ."""
    (sender, near), (onward, reader) = tcp_pair(), tcp_pair()
    sent, got = os.urandom(SIZE_BYTES), bytearray(SIZE_BYTES)
    with sender, near, onward, reader, ThreadPoolExecutor(2) as pool:
        fed = pool.submit(sender.sendall, sent)
        drained = pool.submit(reader.recv_into, got, SIZE_BYTES, socket.MSG_WAITALL)
        began = time.thread_time_ns()
        relay(near, onward, SIZE_BYTES)
        spent = (time.thread_time_ns() - began) / 1e6
        fed.result(), drained.result()
    if got != sent:
        raise RuntimeError("the relay passed on other bytes than it was given")
    return spent
