"""select: passes the whole list to the kernel at every call, and gets the whole list back.

`select.select` remembers nothing. Each call copies three sets of descriptors into the kernel, which checks
every descriptor in them and sleeps if none is ready; when one becomes ready it checks them all again. So the
time of a call is proportional to the number of *watched* descriptors, however few are ready.

The sets are bit masks of fixed size: a descriptor whose *number* is FD_SETSIZE or more does not fit
into them. The server refuses such a client, logs that once, and continues to serve the others.

Sources: select(2); fs/select.c in the Linux kernel (do_select).
"""

import select
import socket
from typing import NoReturn

from iomux.servers.connection import READ, WRITE, Handler, echo
from iomux.servers.readiness import run

FD_SETSIZE = 1024
"""How many descriptor numbers an fd_set has room for: fixed when the C library was compiled (select(2))."""


class SelectPoller:
    """`select.select` with the four methods of a `select.poll()` object.

    Example:
    >>> from iomux.servers.select_ import READ, SelectPoller
    >>> with iomux.listen() as listener:
    ...     poller = SelectPoller()
    ...     poller.register(listener.fileno(), READ)
    ...     print(poller.poll(0))
    []
    """

    def __init__(self) -> None:
        self._readers: set[int] = set()
        self._writers: set[int] = set()

    def register(self, fd: int, interest: int, /) -> None:
        """Watch `fd`. Raises ValueError if its number does not fit into an fd_set, or is a closed socket's -1."""
        if fd < 0:
            raise ValueError(f"select cannot watch descriptor {fd}: that is no open descriptor")
        if fd >= FD_SETSIZE:
            raise ValueError(f"select cannot watch descriptor {fd}: FD_SETSIZE is {FD_SETSIZE:,} (see select(2))")
        self.modify(fd, interest)

    def modify(self, fd: int, interest: int, /) -> None:
        """Watch `fd` for reading if `interest` has READ in it, for writing if it has WRITE."""
        self.unregister(fd)
        if interest & READ:
            self._readers.add(fd)
        if interest & WRITE:
            self._writers.add(fd)

    def unregister(self, fd: int, /) -> None:
        """Stop watching `fd`."""
        self._readers.discard(fd)
        self._writers.discard(fd)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait for readiness or `timeout` seconds; return each ready descriptor once, with what it is ready for."""
        readable, writable, _ = select.select(self._readers, self._writers, (), timeout)
        ready = dict.fromkeys(readable, READ)
        for fd in writable:
            ready[fd] = ready.get(fd, 0) | WRITE
        return list(ready.items())


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` from one thread that sleeps in select(2). Never returns."""
    run(listener, handler, SelectPoller(), unit=1)
