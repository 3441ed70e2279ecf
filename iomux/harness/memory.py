"""What idle connections cost a server: its threads and its memory.

Each client connects, sends one byte, reads the answer, and stays connected in silence. So whatever a server creates
for a client (a thread, a stack, an object) has been created and used once. The clients run in a separate process,
and the server's memory is read while all of them are connected.

Resident memory is what lies in RAM; virtual memory is what is reserved in the address space, and most of that is
never touched: a thread's stack takes some 8 MiB of virtual memory and a few pages of RAM (pthread_create(3)).
Neither includes what the kernel holds for the process (its sockets, and a kernel stack for each thread, THREAD_SIZE).
Sources: proc_pid_statm(5), proc_pid_status(5).
"""

import contextlib
import socket
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from iomux import servers
from iomux.harness.load.clients import connect
from iomux.processes.resolve import name_of, resolve
from iomux.processes.server import LAST_WORDS_SECONDS
from iomux.processes.start import start
from iomux.processes.worker import free_core, run_in_worker
from iomux.system.limits import too_many, whole_numbers
from iomux.system.machine import describe
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

_PATIENCE_S = 5.0
"""How long one client waits for its answer: a server that does not answer it does not hold it."""
_AT_A_TIME = 100  # one by one, 10,000 clients of poll would cost it 10,000 walks over its list


class MemoryUse(NamedTuple):
    """A server's process at one moment: its memory in bytes, and its threads."""

    rss_bytes: int
    virtual_bytes: int
    threads: int


def memory_held(
    names: str | servers.Serve | Sequence[str | servers.Serve], connections: Sequence[int] | int = (1, 10, 100, 1000)
) -> "pd.DataFrame":
    """What servers need to hold silent connections; one row for each server and number of connections.

    names: registered names or `serve` functions, as for `iomux.start`. connections: one number or several.

    Columns: `server`, `connections`; `threads`, `rss_bytes`, `virtual_bytes` of its process while all are connected;
    `rss_each_bytes` and `virtual_each_bytes`, the growth for each client; `unserved`, the clients that got no answer;
    `reason`: empty, or why it could not be run (then the figures are NaN). `.attrs["machine"]` names the machine.
    After the first client that gets no answer, no further client sends.

    Raises LookupError for an unknown or unavailable name and ValueError for numbers that make no sense.

    Example:
    >>> from iomux.harness.memory import memory_held
    >>> frame = memory_held("threaded", connections=[1, 10])
    >>> list(frame["threads"]), list(frame["unserved"])
    ([2, 11], [0, 0])
    """
    import pandas as pd

    chosen: Sequence[Any] = [names] if isinstance(names, str) or callable(names) else list(names)
    levels = whole_numbers("connections", connections)
    if not levels or min(levels) < 1:
        raise ValueError(f"connections is {levels}: give one or more numbers, each at least 1")
    targets = [(name_of(server), resolve(server)) for server in chosen]
    frame = pd.DataFrame([_row(name, target, level) for level in levels for name, target in targets])
    frame.attrs["machine"] = describe()
    return frame


def _row(name: str, target: str | servers.Serve, level: int) -> dict[str, Any]:
    base = {"server": name, "connections": level}
    if reason := too_many(level):
        nothing = ("threads", "rss_bytes", "virtual_bytes", "rss_each_bytes", "virtual_each_bytes")
        return base | dict.fromkeys(nothing, float("nan")) | {"unserved": 0, "reason": reason}
    with start(target) as server:
        before = read(server.pid)
        core = free_core(server)
        seconds = 60 + level / 100
        unserved, after = run_in_worker(
            _hold, server.address, level, server.pid, core=core, seconds=seconds, what="holding"
        )
        server.check(LAST_WORDS_SECONDS if unserved else 0.0)
    each = {
        f"{kind}_each_bytes": (getattr(after, f"{kind}_bytes") - getattr(before, f"{kind}_bytes")) / level
        for kind in ("rss", "virtual")
    }
    return base | after._asdict() | each | {"unserved": unserved, "reason": ""}


def read(pid: int) -> MemoryUse:
    """The memory and the threads of a process now. Raises psutil.NoSuchProcess if it is gone."""
    process = psutil.Process(pid)
    memory = process.memory_info()
    return MemoryUse(int(memory.rss), int(memory.vms), process.num_threads())


def _hold(address: Address, count: int, pid: int) -> tuple[int, MemoryUse]:
    """Connect all clients, let them send a few at a time; return how many got no answer, and what the server holds."""
    clients = connect(address, count, _PATIENCE_S, Counter())  # kept: they hold the connections open
    answered, timed_out = 0, False
    for first in range(0, count, _AT_A_TIME):
        count_answered, timed_out = _answers([client.sock for client in clients[first : first + _AT_A_TIME]])
        answered += count_answered
        if timed_out:  # each of the others would wait as long
            break
    return count - answered, read(pid)


def _answers(socks: list[socket.socket]) -> tuple[int, bool]:
    """Let all of them send at once; count the answers until one does not come in time, and say whether so."""
    asked, answered = [], 0
    for sock in socks:
        sock.settimeout(_PATIENCE_S)
        with contextlib.suppress(OSError):  # refused
            sock.sendall(b"?")
            asked.append(sock)
    for sock in asked:
        try:
            answered += sock.recv(1) == b"?"
        except TimeoutError:
            return answered, True
        except OSError:
            continue
    return answered, False
