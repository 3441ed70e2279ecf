"""How many clients a process has accepted: counted by its listener, in memory that its owner reads.

The kernel has no such number for a process: a descriptor is closed again, and a shared listener belongs to all. So the
listener that a server is given counts what its `accept` returns, in eight bytes of a file that both have mapped
(mmap(2), MAP_SHARED). A server that accepts below Python, as uvloop (libuv) and io_uring do, is not seen.

Cost: some 0.1 µs a client, none a request.
"""

import mmap
import socket
import tempfile
from typing import IO, Any

from iomux.system.accepting import Listener

_BYTES = mmap.PAGESIZE
UNSEEN = frozenset({"uvloop", "io_uring"})
"""The registered servers that accept without calling their listener."""


class CountingListener(Listener):
    """A listening socket that counts the clients which it has accepted."""

    _count: memoryview

    def accept(self) -> tuple[socket.socket, Any]:
        """Do what socket.accept does, and count it."""
        client = super().accept()
        self._count[0] += 1
        return client


def counting(descriptor: int, count: int) -> CountingListener:
    """The listening socket with this descriptor, which counts in the file with the descriptor `count`."""
    listener = CountingListener(fileno=descriptor)
    listener._count = memoryview(mmap.mmap(count, _BYTES)).cast("Q")
    return listener


class Count:
    """The owner's view of one process's count, which stays when that process has ended.

    Example:
    >>> import socket
    >>> from iomux.processes.sharing.accepted import Count, counting
    >>> with iomux.listen() as plain, Count() as count:
    ...     with counting(plain.detach(), count.descriptor) as listener:
    ...         with socket.create_connection(listener.getsockname()), listener.accept()[0]:
    ...             count.accepted
    1
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (`close` does)
        self._file.truncate(_BYTES)
        self._counted = memoryview(mmap.mmap(self._file.fileno(), _BYTES, prot=mmap.PROT_READ)).cast("Q")

    @property
    def descriptor(self) -> int:
        """The descriptor for `counting`, in another process or in this one."""
        return self._file.fileno()

    @property
    def accepted(self) -> int:
        """How many clients have been accepted so far."""
        return self._counted[0]

    def close(self) -> None:
        """Close the file; what was counted stays mapped, and is still told."""
        self._file.close()

    def __enter__(self) -> "Count":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
