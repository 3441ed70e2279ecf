"""The listening sockets of several processes at one address.

"inherited": one listener, which all processes have. It has one queue, and a client goes to whoever calls accept(2)
first. "exclusive" is the same listener, on which only one sleeper is woken (`iomux.processes.sharing.exclusive`).

"reuseport": a listener for each process, each with a queue of its own. The kernel chooses one for each connection, by a
hash of both addresses and ports, and asks nobody whether he has time (socket(7), SO_REUSEPORT; reuseport_select_sock in
net/core/sock_reuseport.c). When one of them is closed, what waits in its queue is reset, unless the system is told to
give it to another one (net.ipv4.tcp_migrate_req, Documentation/networking/ip-sysctl.rst).

Cost: a socket a process, and no system call a client.
"""

import contextlib
import socket
from collections.abc import Iterator

from iomux.system.limits import is_whole
from iomux.system.sockets import Address, family_of, listen, open_listener

SHARINGS = ("reuseport", "inherited", "exclusive")
"""The ways in which processes share an address, as `iomux.start` names them."""
MOST = 256
"""The most processes of one group: each is a Python interpreter, and a guard beside it."""


def check_sharing(processes: int, sharing: str) -> None:
    """Raise ValueError for a number of processes that can't be, or a way to share that this system does not have."""
    if not is_whole(processes) or not 1 <= processes <= MOST:
        raise ValueError(f"processes is {processes!r}: choose 1 to {MOST}, one for each core is usual")
    if sharing not in SHARINGS:
        raise ValueError(f"sharing is {sharing!r}: choose from {', '.join(SHARINGS)}")
    if sharing == "reuseport" and not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("this system has no SO_REUSEPORT: choose sharing='inherited'")


@contextlib.contextmanager
def listeners(count: int, sharing: str, host: str = "127.0.0.1", port: int = 0) -> Iterator[list[socket.socket]]:
    """A listener for each of `count` processes; closed on leaving, when the processes have their own.

    port: by default a free one. Raises OSError for one that is taken, also by processes that would share it.

    Example:
    >>> from iomux.processes.sharing.listeners import listeners
    >>> with listeners(3, "reuseport") as each, listeners(3, "inherited") as one:
    ...     len(set(each)), len({listener.getsockname() for listener in each}), len(set(one))
    (3, 1, 1)
    """
    with contextlib.ExitStack() as stack:
        if sharing != "reuseport":
            yield [stack.enter_context(listen(host, port))] * count
            return
        if port:
            listen(host, port).close()  # one that does not share: else we might join a group that is not ours
        first = stack.enter_context(_reusing((host, port)))
        yield [first, *(stack.enter_context(_reusing(first.getsockname()[:2])) for _ in range(count - 1))]


def _reusing(address: Address) -> socket.socket:
    """A listener that others of the same user may join. With port 0 it joins nobody (inet_csk_find_open_port)."""
    listener = socket.socket(family_of(address))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return open_listener(listener, address)
