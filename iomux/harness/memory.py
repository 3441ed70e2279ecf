"""What it costs a server to hold connections on which nobody speaks: its threads and its memory.

Each client connects, says one byte, reads the answer and stays, silent. So whatever a server makes for a
client (a thread, a stack, an object) has been made and used once. The clients live in a process of their own,
and the server's memory is read while they are all there.

Resident memory is what lies in RAM; virtual memory is what is reserved in the address space, of which most
is never touched: a thread's stack is some 8 MiB of the second and a few pages of the first (pthread_create(3)).
What the kernel holds beside the process (its sockets, and a stack of its own for each thread, THREAD_SIZE)
is in neither. Sources: proc_pid_statm(5), proc_pid_status(5).
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
from iomux.processes.server import LAST_WORDS_SECONDS, start
from iomux.processes.worker import free_core, run_in_worker
from iomux.system.limits import too_many, whole_numbers
from iomux.system.machine import describe
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

_PATIENCE_S = 5.0
"""How long one client waits for its first answer: a server that does not hear it has not got it to hold."""
_AT_A_TIME = 100  # one after the other, ten thousand clients of poll would wait for its walk ten thousand times


class MemoryUse(NamedTuple):
    """A server's process at one moment: its memory in bytes, and its threads."""

    rss_bytes: int
    virtual_bytes: int
    threads: int


def memory_held(
    names: str | servers.Serve | Sequence[str | servers.Serve], connections: Sequence[int] | int = (1, 10, 100, 1000)
) -> "pd.DataFrame":
    """What servers need to hold so many silent connections; one row a server and number.

    names: registered names or `serve` functions, as for `iomux.start`. connections: one number or several.

    Columns: `server`, `connections`, `threads`, `rss_bytes`, `virtual_bytes` of its process while all are there;
    `rss_each_bytes` and `virtual_each_bytes`, by how much each grew for a client; `unserved`, the clients that
    got no answer; `reason`: empty, or why it could not be run, the figures then being NaN. `.attrs["machine"]`
    says what it was measured on. After the first client that waits in vain no other asks.

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
    """The memory and the threads of a process, now. psutil.NoSuchProcess when it is gone."""
    process = psutil.Process(pid)
    memory = process.memory_info()
    return MemoryUse(int(memory.rss), int(memory.vms), process.num_threads())


def _hold(address: Address, count: int, pid: int) -> tuple[int, MemoryUse]:
    """Connect and speak, a few at a time; return how many were not answered, and what the server holds."""
    clients = connect(address, count, _PATIENCE_S, Counter())  # kept: they hold the connections open
    answered, in_vain = 0, False
    for first in range(0, count, _AT_A_TIME):
        heard, in_vain = _answers([client.sock for client in clients[first : first + _AT_A_TIME]])
        answered += heard
        if in_vain:  # the others would wait as long
            break
    return count - answered, read(pid)


def _answers(socks: list[socket.socket]) -> tuple[int, bool]:
    """Let all of them ask at once; count the answers until one waits in vain, and say whether one did."""
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
