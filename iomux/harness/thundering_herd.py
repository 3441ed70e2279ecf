"""The thundering herd: several processes sleep in epoll on one listening socket, and one client comes.

Every process has an epoll object of its own, with the listener on its interest list: so the listener has as many
callbacks hanging on it as there are processes, and a client wakes them all, for one `accept`. With EPOLLEXCLUSIVE the
callbacks are hung exclusively, and the kernel wakes one of those who sleep, or a few (epoll_ctl(2): "one or more").
With SO_REUSEPORT each process has a listening socket of its own, all on one port, and the kernel chooses the socket
for each client by a hash of the addresses (socket(7)): one callback a listener, so one process to wake.

What a wake-up is: the kernel counts how often a process has given up its processor by itself (getrusage(2),
`ru_nvcsw`), and one that sleeps in epoll_wait gives it up once a wake-up. Not every wake-up is seen by the program:
epoll looks again before it returns, and where somebody else has accepted meanwhile it goes back to sleep
(fs/eventpoll.c, ep_send_events). Cost: some 0.1 s a process to start. Sources: epoll(7), epoll_ctl(2), socket(7).
"""

import contextlib
import os
import pickle
import resource
import select
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

from iomux.processes.child import receive_work
from iomux.processes.logs import read_log
from iomux.processes.spawn import end, spawn
from iomux.servers import get
from iomux.system.sockets import listen

if TYPE_CHECKING:
    import pandas as pd

WAYS = {"one listener": (), "EPOLLEXCLUSIVE": ("EPOLLEXCLUSIVE",), "SO_REUSEPORT": ()}
"""How the processes watch for clients, and the flags of epoll_ctl(2) that this takes beside EPOLLIN."""
_PATIENCE_S = 10.0
_LOOK_S = 0.001
"""Between two looks whether all who were woken sleep again: only then comes the next client."""


def thundering_herd(processes: int = 4, clients: int = 20, ways: Sequence[str] | None = None) -> "pd.DataFrame":
    """Who wakes when clients come, one after the other, to so many processes; one row a way and process.

    ways: which of `WAYS`, by default all.

    Columns: `way`; `process`, from 1; `woken`, how often the kernel woke it; `told`, how often `epoll_wait` returned;
    `accepted`, and `in_vain`, how often its `accept` found nobody any more. On a machine whose processors are busy the
    herd may be late: who is told less often than woken came when the client was taken.

    Raises LookupError where this machine has no epoll, RuntimeError where a process fails, ValueError for numbers
    below 1 and a way that is none.

    Example:
    >>> from iomux.harness.thundering_herd import thundering_herd
    >>> frame = thundering_herd(processes=2, clients=3, ways=["EPOLLEXCLUSIVE"])
    >>> int(frame["accepted"].sum())
    3
    """
    import pandas as pd

    if min(processes, clients) < 1:
        raise ValueError(f"processes is {processes} and clients {clients}: give at least 1 of each")
    chosen = list(WAYS) if ways is None else list(ways)
    if unknown := set(chosen) - set(WAYS):
        raise ValueError(f"{', '.join(sorted(unknown))}: choose from {', '.join(WAYS)}")
    get("epoll").load()  # says why, where there is none
    rows = [(way, *row) for way in chosen for row in _one_way(way, processes, clients)]
    return pd.DataFrame(rows, columns=["way", "process", "woken", "told", "accepted", "in_vain"])


def _one_way(way: str, count: int, clients: int) -> list[tuple[int, ...]]:
    with contextlib.ExitStack() as left:
        listeners = _listeners(way, count, left)
        log = left.enter_context(tempfile.TemporaryFile())
        stop, stopper = (left.enter_context(end_) for end_ in socket.socketpair())
        herd = []
        for listener in listeners:
            work = {"cpu": None, "way": way, "listener": listener.fileno(), "stop": stop.fileno()}
            herd.append(spawn(__name__, work, log, pass_fds=(listener.fileno(), stop.fileno())))
            left.callback(end, herd[-1])
        _expect(herd, b"ready\n", log)
        for _ in range(clients):
            _settle(herd)
            with socket.create_connection(listeners[0].getsockname(), timeout=_PATIENCE_S) as client:
                client.recv(1)
        _settle(herd)
        stopper.shutdown(socket.SHUT_WR)
        return [(number, *_result(worker, log)) for number, worker in enumerate(herd, 1)]


def _listeners(way: str, count: int, left: contextlib.ExitStack) -> list[socket.socket]:
    """A listener for each process: the same, or one of its own on the same port."""
    if way != "SO_REUSEPORT":
        listeners = [left.enter_context(listen())] * count
    else:
        listeners = [left.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            port = listeners[0].getsockname()[1]  # 0 at first: the kernel chooses
            listener.bind(("127.0.0.1", port))
            listener.listen()
    for listener in listeners:
        listener.setblocking(False)
    return listeners


def _result(worker: Any, log: IO[bytes]) -> tuple[int, ...]:
    try:
        result: tuple[int, ...] = pickle.load(worker.stdout)
    except EOFError:
        raise RuntimeError(f"a process of the herd ended by itself:\n{read_log(log) or 'no output'}") from None
    return result


def _expect(herd: list[Any], word: bytes, log: IO[bytes]) -> None:
    """Wait until every process has said the word."""
    for worker in herd:
        ready, _, _ = select.select([worker.stdout], [], [], _PATIENCE_S)
        if not ready or worker.stdout.readline() != word:
            raise RuntimeError(f"a process of the herd did not come up:\n{read_log(log) or 'no output'}")


def _settle(herd: list[Any]) -> None:
    """Wait until all sleep: who was woken and has not had a core yet would count two clients as one wake-up."""
    import psutil  # here: the processes of the herd import this file, and have no use for it

    still = (psutil.STATUS_SLEEPING, psutil.STATUS_ZOMBIE)
    until = time.monotonic() + _PATIENCE_S
    while any(psutil.Process(worker.pid).status() not in still for worker in herd) and time.monotonic() < until:
        time.sleep(_LOOK_S)


def main() -> None:
    """One process of the herd: accept clients until told to stop, then write what happened to standard output."""
    work = receive_work()
    listener = socket.socket(fileno=work["listener"])
    with contextlib.closing(select.epoll()) as epoll:
        epoll.register(listener, sum((getattr(select, flag) for flag in WAYS[work["way"]]), start=select.EPOLLIN))
        epoll.register(work["stop"], select.EPOLLIN)
        sys.stdout.buffer.write(b"ready\n")
        sys.stdout.flush()
        pickle.dump(_graze(epoll, listener, work["stop"]), sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(0)


def _graze(epoll: Any, listener: socket.socket, stop: int) -> tuple[int, int, int, int]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    told = accepted = in_vain = 0
    while True:
        ready = [fd for fd, _ in epoll.poll()]
        if stop in ready:
            sleeps = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before
            return sleeps - 1, told, accepted, in_vain  # one sleep was ended by the stop
        told += 1
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            in_vain += 1
        else:
            accepted += 1
            client.close()
