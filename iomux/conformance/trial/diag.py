"""The TCP sockets at one port, at both ends, with what is in their queues: asked by netlink (sock_diag(7)).

The kernel filters by port itself, so an answer takes some milliseconds even if the machine has tens of thousands of
sockets, most of them in TIME_WAIT; /proc/net/tcp would be printed and read whole each time (proc_net(5)). It is read
where netlink is not permitted.

The numbers are those of include/uapi/linux/sock_diag.h, inet_diag.h and netlink.h.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LISTEN = 10
_TIME_WAIT = 6
_STATES = 0xFFF & ~(1 << _TIME_WAIT)
_HEADER, _REQUEST, _PORTS = struct.Struct("=IHHII"), struct.Struct("=BBBBI"), struct.Struct(">HH")
_QUEUES = struct.Struct("=IIIII")  # expires, receive queue, send queue, uid, inode; after the socket's identity
_IDENTITY_BYTES = 48
_ATTRIBUTE, _WITH_MEMORY, _MEMORY, _DROPS = (
    struct.Struct("=HH"),
    1 << 6,
    7,
    struct.Struct("=32xI"),
)  # INET_DIAG_SKMEMINFO
_SOCK_DIAG, _NETLINK_INET_DIAG, _DUMP, _DONE, _ERROR = 20, 4, 0x301, 3, 2


class Socket(NamedTuple):
    """One end of a connection, or a listening socket."""

    state: int
    local: int
    remote: int
    """Its port, and that of the other end, which is 0 for a listening socket."""
    unread: int
    """Bytes that nobody has read; of a listening socket, the connections that wait to be accepted."""
    unsent: int
    """Bytes that are not acknowledged; of a listening socket, how many may wait (0 if that is not known)."""
    inode: int
    """0 if no process holds it."""
    dropped: int = 0
    """Of a listening socket: the connections for which the backlog had no place (sock_diag(7), SK_MEMINFO_DROPS)."""


def sockets_at(port: int) -> list[Socket]:
    """Every socket with this port at one of its ends, but for those in TIME_WAIT; empty on a system without a list."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_INET_DIAG) as kernel:
            ends = ((port, 0), (0, port))
            families = (socket.AF_INET, socket.AF_INET6)
            return [one for family in families for end in ends for one in _dump(kernel, family, *end)]
    except (OSError, AttributeError):
        return [one for one in _listed() if port in (one.local, one.remote) and one.state != _TIME_WAIT]


def _dump(kernel: socket.socket, family: int, local: int, remote: int) -> Iterator[Socket]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, _WITH_MEMORY, 0, _STATES) + _PORTS.pack(local, remote)
    request += bytes(_IDENTITY_BYTES - _PORTS.size - 8) + b"\xff" * 8  # any address, interface and cookie
    kernel.send(_HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG, _DUMP, 1, 0) + request)
    while True:
        answers = memoryview(kernel.recv(1 << 18))
        while answers:
            size, kind, *_ = _HEADER.unpack_from(answers)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError("the kernel has no sock_diag for TCP")
            yield _parsed(answers[_HEADER.size : size])
            answers = answers[(size + 3) & ~3 :]


def _parsed(answer: memoryview) -> Socket:
    _, unread, unsent, _, inode = _QUEUES.unpack_from(answer, 4 + _IDENTITY_BYTES)
    local, remote = _PORTS.unpack_from(answer, 4)
    dropped = _dropped(answer[4 + _IDENTITY_BYTES + _QUEUES.size :]) if answer[1] == LISTEN else 0
    return Socket(answer[1], local, remote, unread, unsent, inode, dropped)


def _dropped(attributes: memoryview) -> int:
    """The drops among the memory figures of a socket; 0 if the kernel does not tell them."""
    while len(attributes) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _MEMORY and size >= _ATTRIBUTE.size + _DROPS.size:
            return int(_DROPS.unpack_from(attributes, _ATTRIBUTE.size)[0])
        attributes = attributes[max(_ATTRIBUTE.size, (size + 3) & ~3) :]
    return 0


def _listed() -> Iterator[Socket]:
    """Every TCP socket of /proc/net/tcp and tcp6."""
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(name).read_text().splitlines()[1:]:
                _, local, remote, state, queues, *more = line.split()
                unsent, unread = (int(number, 16) for number in queues.split(":"))
                mine, other = (int(end.rpartition(":")[2], 16) for end in (local, remote))
                yield Socket(int(state, 16), mine, other, unread, unsent, int(more[4]))
