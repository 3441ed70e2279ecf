"""All TCP sockets at a port, whoever has them, as the kernel lists them: of a server's clients, and of its listener.

The kernel filters the list itself, and walks its table of all connections for it: half a millisecond where nothing
else goes on, more where there are many (/proc/net/tcp has them all as text: 100 ms where there are 30,000). Those that
listen have a table of their own: 0.1 ms. Anyone may ask.
Sources: sock_diag(7); include/uapi/linux/inet_diag.h, sock_diag.h, netlink.h; net/ipv4/inet_diag.c.
"""

import contextlib
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from iomux.system.sock_diag.other_end import ATTRIBUTE, FOUND, HEADER, LISTEN, NETLINK_SOCK_DIAG, attribute

_TIME_WAIT = 6
_BUT_TIME_WAIT = 0xFFF & ~(1 << _TIME_WAIT)
_ANY_FAMILY = 18  # TCPDIAG_GETSOCK: older than a question about one family, which would have to be asked twice
_DUMP, _ERROR, _DONE = 0x301, 2, 3
_MEMORY = 7
_LIST_BYTES = 1 << 18
_ASKED = struct.Struct("=BBBB48sII")  # struct inet_diag_req
_BYTECODE, _JUMP, _LOCAL_IS, _REMOTE_IS = 1, 1, 11, 12  # INET_DIAG_REQ_BYTECODE; INET_DIAG_BC_JMP, S_EQ, D_EQ
_STEP = struct.Struct("=BBH")  # struct inet_diag_bc_op: what to look at; how far to go on if it is so, and if not
_TEST = struct.Struct("=BBHBBH")  # a step, and a second one whose last number is the port
_DROPS_AT = 32  # the ninth of INET_DIAG_SKMEMINFO's numbers


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
    """Of a listening socket: the connections for which the backlog had no place (SK_MEMINFO_DROPS)."""


def sockets_at(port: int) -> list[Socket]:
    """Every socket with this port at one of its ends, but for those in TIME_WAIT; empty on a system without a list.

    Where the kernel may not be asked, /proc/net/tcp is read (proc_net(5)): then `dropped` is 0.

    Example:
    >>> from iomux.system.sock_diag.at_port import sockets_at
    >>> from iomux.system.sock_diag.other_end import LISTEN
    >>> from iomux.system.sockets import listen
    >>> with listen() as listener:
    ...     print([one.state == LISTEN for one in sockets_at(listener.getsockname()[1])])
    [True]
    """
    return _sockets(port, _BUT_TIME_WAIT)


def listening_at(port: int) -> list[Socket]:
    """Every socket that listens at this port: what `sockets_at` has of them, at a fifth of its price.

    Example:
    >>> from iomux.system.sock_diag.at_port import listening_at
    >>> from iomux.system.sockets import listen
    >>> with listen() as listener:
    ...     print(len(listening_at(listener.getsockname()[1])))
    1
    """
    return _sockets(port, 1 << LISTEN)


def _sockets(port: int, states: int) -> list[Socket]:
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
            return list(_list(kernel, port, states))
    except (OSError, AttributeError):
        there = (one for one in _from_proc() if port in (one.local, one.remote))
        return [one for one in there if states >> one.state & 1]


def _list(kernel: socket.socket, port: int, states: int) -> Iterator[Socket]:
    any_end = bytes(40) + b"\xff" * 8  # struct inet_diag_sockid: any port, address and device
    asked = _ASKED.pack(socket.AF_UNSPEC, 0, 0, 1 << (_MEMORY - 1), any_end, states, 0) + _has_port(port)
    kernel.send(HEADER.pack(HEADER.size + len(asked), _ANY_FAMILY, _DUMP, 0, 0) + asked)
    while True:
        answers = kernel.recv(_LIST_BYTES)
        while answers:
            size, kind, *_ = HEADER.unpack_from(answers)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError("the kernel has no sock_diag for TCP")
            yield _socket(answers[HEADER.size : size])
            answers = answers[size + 3 & ~3 :]


def _has_port(port: int) -> bytes:
    """A filter for the kernel, in its own bytecode: this port at either end. With it one list is enough for both.

    A socket is wanted if the last step ends exactly at the end, not if it goes beyond (net/ipv4/inet_diag.c,
    inet_diag_bc_run).
    """
    local, remote = (_TEST.pack(of, 8, 12, 0, 0, port) for of in (_LOCAL_IS, _REMOTE_IS))
    to_the_end = _STEP.pack(_JUMP, 4, 12)  # over `remote`: a jump always goes its second way
    program = local + to_the_end + remote
    return ATTRIBUTE.pack(ATTRIBUTE.size + len(program), _BYTECODE) + program


def _socket(answer: bytes) -> Socket:
    _, state, _, _, sockid, _, unread, unsent, _, inode = FOUND.unpack_from(answer)
    local, remote = struct.unpack_from("!HH", sockid)
    memory = attribute(answer[FOUND.size :], _MEMORY) if state == LISTEN else b""
    dropped = int.from_bytes(memory[_DROPS_AT : _DROPS_AT + 4], sys.byteorder)
    return Socket(state, local, remote, unread, unsent, inode, dropped)


def _from_proc() -> Iterator[Socket]:
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(name).read_text().splitlines()[1:]:
                _, local, remote, state, queues, *more = line.split()
                unsent, unread = (int(number, 16) for number in queues.split(":"))
                mine, other = (int(end.rpartition(":")[2], 16) for end in (local, remote))
                yield Socket(int(state, 16), mine, other, unread, unsent, int(more[4]))
