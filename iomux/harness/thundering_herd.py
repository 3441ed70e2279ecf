"""The thundering herd: several processes sleep in epoll on one listening socket, and one client wakes them all.

Every process has its own epoll object, with the listener on its interest list. So the listener has one callback for
each process, and a client wakes them all, although one `accept` succeeds. With EPOLLEXCLUSIVE the callbacks are
added exclusively, and the kernel wakes one sleeper, or a few (epoll_ctl(2): "one or more"). With SO_REUSEPORT each
process has its own listening socket, all on one port, and the kernel chooses the socket for each client by a hash of
the addresses (socket(7)): each listener has one callback, so there is one process to wake.

Wake-ups are counted by the kernel: `ru_nvcsw` (getrusage(2)) is how often a process has given up its processor
voluntarily, and a process that sleeps in epoll_wait does so once for each wake-up. The program does not see every
wake-up: epoll checks again before it returns, and sleeps on if another process has accepted meanwhile
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
"""How the processes wait for clients, and the flags of epoll_ctl(2) that this takes besides EPOLLIN."""
_PATIENCE_S = 10.0
_LOOK_S = 0.001
"""Seconds between two checks whether all processes sleep again: only then the next client connects."""


def thundering_herd(processes: int = 4, clients: int = 20, ways: Sequence[str] | None = None) -> "pd.DataFrame":
    """Count which processes wake when clients connect, one after the other; one row for each way and process.

    ways: which of `WAYS`, by default all.

    Columns: `way`; `process`, from 1; `woken`, how often the kernel woke it; `returned`, how often `epoll_wait`
    returned; `accepted`; and `failed_accepts`, how often `accept` failed with EAGAIN. A process whose `epoll_wait`
    returned less often than it was woken came too late: another one had accepted, as happens on a busy machine.

    Raises LookupError if this machine has no epoll, RuntimeError if a process fails, ValueError for numbers below 1
    and for an unknown way.

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
    get("epoll").load()  # raises with the reason if there is none
    rows = [(way, *row) for way in chosen for row in _one_way(way, processes, clients)]
    return pd.DataFrame(rows, columns=["way", "process", "woken", "returned", "accepted", "failed_accepts"])


def _one_way(way: str, count: int, clients: int) -> list[tuple[int, ...]]:
    with contextlib.ExitStack() as stack:
        listeners = _listeners(way, count, stack)
        log = stack.enter_context(tempfile.TemporaryFile())
        stop, stopper = (stack.enter_context(end_) for end_ in socket.socketpair())
        herd = []
        for listener in listeners:
            work = {"cpu": None, "way": way, "listener": listener.fileno(), "stop": stop.fileno()}
            herd.append(spawn(__name__, work, log, pass_fds=(listener.fileno(), stop.fileno())))
            stack.callback(end, herd[-1])
        _expect(herd, b"ready\n", log)
        for _ in range(clients):
            _settle(herd)
            with socket.create_connection(listeners[0].getsockname(), timeout=_PATIENCE_S) as client:
                client.recv(1)
        _settle(herd)
        stopper.shutdown(socket.SHUT_WR)
        return [(number, *_result(worker, log)) for number, worker in enumerate(herd, 1)]


def _listeners(way: str, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    """A listener for each process: one that all share, or each its own on the same port."""
    if way != "SO_REUSEPORT":
        listeners = [stack.enter_context(listen())] * count
    else:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
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
    """Wait until every process has written `word`."""
    for worker in herd:
        ready, _, _ = select.select([worker.stdout], [], [], _PATIENCE_S)
        if not ready or worker.stdout.readline() != word:
            raise RuntimeError(f"a process of the herd did not start:\n{read_log(log) or 'no output'}")


def _settle(herd: list[Any]) -> None:
    """Wait until all sleep: a process woken but not yet run would count two clients as one wake-up."""
    import psutil  # here: the processes of the herd import this file, and do not need it

    still = (psutil.STATUS_SLEEPING, psutil.STATUS_ZOMBIE)
    until = time.monotonic() + _PATIENCE_S
    while any(psutil.Process(worker.pid).status() not in still for worker in herd) and time.monotonic() < until:
        time.sleep(_LOOK_S)


def main() -> None:
    """Run one process of the herd: accept clients until the stop, then write the counts to standard output."""
    work = receive_work()
    listener = socket.socket(fileno=work["listener"])
    with contextlib.closing(select.epoll()) as epoll:
        epoll.register(listener, sum((getattr(select, flag) for flag in WAYS[work["way"]]), start=select.EPOLLIN))
        epoll.register(work["stop"], select.EPOLLIN)
        sys.stdout.buffer.write(b"ready\n")
        sys.stdout.flush()
        pickle.dump(_accept_until_stopped(epoll, listener, work["stop"]), sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(0)


def _accept_until_stopped(epoll: Any, listener: socket.socket, stop: int) -> tuple[int, int, int, int]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    returned = accepted = failed_accepts = 0
    while True:
        ready = [fd for fd, _ in epoll.poll()]
        if stop in ready:
            sleeps = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before
            return sleeps - 1, returned, accepted, failed_accepts  # one sleep was ended by the stop
        returned += 1
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            failed_accepts += 1
        else:
            accepted += 1
            client.close()
