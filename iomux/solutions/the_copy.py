"""Notebook 08: where a mebibyte spends its time, a handler that sleeps, fifty at once, and a relay that never looks.

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
"""Passes on so many bytes, which wait in the first socket, to the second."""


def exercise_1(mechanism: str = "epoll") -> "pd.DataFrame":
    """A row a size in bytes: the median of each phase in µs, of the whole, and the calls of recv and send a request."""
    import pandas as pd

    rows = {}
    for size in (64, 1 << 20):
        frame = iomux.timeline(mechanism, size=size, requests=50)
        counted = frame.attrs["syscalls_per_request"]
        rows[size] = frame[[*PHASES_US, "total_us"]].median().to_dict() | {kind: counted[kind] for kind in _MOVING}
    return pd.DataFrame(rows).T.rename_axis("size_bytes")


_MOVING = "recv", "send"


def exercise_2(mechanism: str = "epoll", seconds: float = 0.005) -> "pd.DataFrame":
    """A row a handler, `echo` and one that sleeps so long: the median of each phase in µs."""
    import pandas as pd

    medians = {
        name: iomux.timeline(mechanism, handler=handler, requests=50)[PHASES_US].median()
        for name, handler in (("echo", iomux.echo), ("sleeps", functools.partial(_sleeps, seconds)))
    }
    return pd.DataFrame(medians).T


def _sleeps(seconds: float, data: bytes) -> bytes:
    time.sleep(seconds)
    return data


def exercise_3(mechanism: str = "epoll") -> "pd.DataFrame":
    """A row a number of active clients among fifty: the median of each phase in µs."""
    import pandas as pd

    counts = 1, 50
    medians = {n: iomux.timeline(mechanism, connections=50, active=n, requests=200)[PHASES_US].median() for n in counts}
    return pd.DataFrame(medians).T.rename_axis("active")


def exercise_4() -> "pd.Series[float]":
    """Median processor time in ms of the thread that relays 4 MiB, by the way they go: `copied` or `spliced`."""
    import pandas as pd

    ways: dict[str, Relay] = {"copied": copied, "spliced": spliced}
    rows = [{name: _own_ms(relay) for name, relay in ways.items()} for _ in range(ROUNDS)]
    return pd.DataFrame(rows).median()


def copied(near: socket.socket, onward: socket.socket, size: int) -> None:
    """Through our own memory."""
    view = memoryview(bytearray(1 << 16))
    while size:
        came = near.recv_into(view, min(size, len(view)))
        onward.sendall(view[:came])
        size -= came


def spliced(near: socket.socket, onward: socket.socket, size: int) -> None:
    """Through a pipe, by pages: our memory never holds a byte (splice(2))."""
    pipe_out, pipe_in = os.pipe()
    try:
        while size:
            size -= (came := os.splice(near.fileno(), pipe_in, size))
            while came:
                came -= os.splice(pipe_out, onward.fileno(), came)
    finally:
        os.close(pipe_out)
        os.close(pipe_in)


def _own_ms(relay: Relay) -> float:
    """One relay, fed and drained by threads of its own; raises RuntimeError if other bytes arrive than were sent."""
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
