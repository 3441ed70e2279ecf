"""The four interfaces of asyncio, each on asyncio's own loop and on uvloop, as servers that can be compared.

What asyncio's forms cost depends on the process's past. glibc takes a block of more than its *mmap threshold*
(128 KiB) straight from the kernel, by mmap, and gives it back by munmap; when such a block is freed, the threshold
rises to its size (mallopt(3), M_MMAP_THRESHOLD). So each form can be run in a process that has first freed a block.
(A client that leaves has the same effect: its last read returns nothing, and the block is freed as large as it was. The
clients of a load generator stay.)
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iomux import servers
from iomux.servers import asyncio_
from iomux.servers.connection import Handler, echo
from iomux.servers.forms import sockets, streams
from iomux.system.units import size_name

_SERVE: dict[tuple[str, str], Callable[..., Any]] = {
    ("asyncio", "Protocol"): asyncio_.serve_plain,
    ("asyncio", "BufferedProtocol"): asyncio_.serve,
    ("asyncio", "streams"): streams.serve,
    ("asyncio", "sock_recv"): sockets.serve,
    ("uvloop", "Protocol"): asyncio_.serve_uvloop,
    ("uvloop", "BufferedProtocol"): asyncio_.serve_uvloop_buffered,
    ("uvloop", "streams"): streams.serve_uvloop,
    ("uvloop", "sock_recv"): sockets.serve_uvloop,
}


@dataclass(frozen=True)
class Form:
    """A loop and one of its interfaces: a server for `iomux.start`, `iomux.sweep` and `iomux.check`.

    Example:
    >>> from iomux.servers.forms.form import Form
    >>> with iomux.start(Form("asyncio", "streams")) as server:
    ...     print(server.name)
    asyncio streams
    """

    loop: str
    """"asyncio" or "uvloop"."""
    interface: str
    """"Protocol", "BufferedProtocol", "streams" or "sock_recv"."""
    freed_bytes: int = 0
    """The size of a block that the server's process allocates and frees before it serves; 0 for none."""

    @property
    def __name__(self) -> str:
        """Its name in tables and figures: the loop, the interface, and what was freed before."""
        freed = f", {size_name(self.freed_bytes)} freed" if self.freed_bytes else ""
        return f"{self.loop} {self.interface}{freed}"

    def __call__(self, listener: socket.socket, handler: Handler = echo) -> None:
        """Serve every client of `listener`. Never returns."""
        block = bytearray(self.freed_bytes)
        del block
        _SERVE[self.loop, self.interface](listener, handler)


def forms(freed_bytes: int = 0) -> list[Form]:
    """Every form that this machine can run, those of asyncio's loop first.

    freed_bytes: the size of a block that each server's process frees before it serves.

    Example:
    >>> from iomux.servers.forms.form import forms
    >>> [form.interface for form in forms() if form.loop == "asyncio"]
    ['Protocol', 'BufferedProtocol', 'streams', 'sock_recv']
    """
    return [Form(*key, freed_bytes) for key in _SERVE if servers.get(key[0]).available()]
