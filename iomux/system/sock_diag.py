"""What the kernel knows of TCP sockets that are not ours: of one connection's other end, and of all at a port.

A server's socket can't be asked from another process, but the kernel answers for it: how many bytes lie unread, how
many the server has written and the kernel has not sent, which inode its descriptors have. One question and one answer
over a netlink socket, some 10 µs however many sockets the machine has; a list of a port's sockets, which the kernel
filters itself, some milliseconds (/proc/net/tcp lists them all, in 100 ms where there are 30,000). Anyone may ask.
Sources: sock_diag(7), tcp(7) (TCP_INFO); include/uapi/linux/inet_diag.h, sock_diag.h, netlink.h, tcp.h.
"""

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ESTABLISHED, LISTEN = 1, 10
"""States of a socket (include/net/tcp_states.h)."""
_TIME_WAIT = 6
_BUT_TIME_WAIT = 0xFFF & ~(1 << _TIME_WAIT)
_NETLINK_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_DUMP, _ERROR, _DONE = 0x301, 2, 3
_INFO, _MEMORY, _ANY_STATE = 2, 7, 0xFFFFFFFF
_ANSWER_BYTES, _LIST_BYTES = 4096, 1 << 18
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ASKED = struct.Struct("=BBBBI")  # the start of struct inet_diag_req_v2; struct inet_diag_sockid follows
_FOUND = struct.Struct("=BBBB48sIIIII")  # struct inet_diag_msg
_ATTRIBUTE = struct.Struct("=HH")
_UNACKED_AT, _NOT_SENT_AT, _ACKED_AT = 24, 144, 120  # in struct tcp_info
_DROPS_AT = 32  # the ninth of INET_DIAG_SKMEMINFO's numbers


class Connection(NamedTuple):
    """One end of a TCP connection, at one moment."""

    state: int
    """include/net/tcp_states.h: 1 is ESTABLISHED, 8 CLOSE_WAIT."""
    inode: int
    """The inode that its descriptors have (/proc/PID/fd); 0 if no process has one: not yet accepted, or closed."""
    unread: int
    """Bytes that arrived and were not read."""
    unsent: int
    """Bytes that were written and that the kernel has not sent yet."""
    unacked: int
    """Segments on their way: sent, not yet acknowledged."""
    written: int
    """Bytes that were written since it was connected."""


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


def missing() -> str:
    """Why this system can't be asked; empty if it can.

    Example:
    >>> from iomux.system.sock_diag import missing
    >>> isinstance(missing(), str)
    True
    """
    if sys.platform != "linux":
        return "only Linux tells of a connection's other end (sock_diag(7))"
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG):
            return ""
    except OSError as error:
        return f"the kernel does not tell of a connection's other end (sock_diag(7)): {error.strerror}"


def other_end(client: socket.socket) -> Connection | None:
    """The end of a connection that `client`, on this machine, is connected to; None if the connection is over.

    Raises OSError if the kernel can't be asked (`missing` says why).

    Example:
    >>> from iomux.system.sock_diag import other_end
    >>> from iomux.system.sockets import tcp_pair
    >>> near, far = tcp_pair()
    >>> with near, far:
    ...     sent = far.send(b"hello")
    ...     print(other_end(far).unread)
    5
    """
    try:
        here, there = client.getsockname(), client.getpeername()
    except OSError:  # it was reset: ENOTCONN
        return None
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(_question(client.family, there, here))
        answer = kernel.recv(_ANSWER_BYTES)
    length, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        number = -int.from_bytes(answer[_HEADER.size : _HEADER.size + 4], sys.byteorder, signed=True)
        if number == errno.ENOENT:
            return None
        raise OSError(number, os.strerror(number))
    return _connection(answer[_HEADER.size : length])


def sockets_at(port: int) -> list[Socket]:
    """Every socket with this port at one of its ends, but for those in TIME_WAIT; empty on a system without a list.

    Where the kernel may not be asked, /proc/net/tcp is read (proc_net(5)): then `dropped` is 0.

    Example:
    >>> from iomux.system.sock_diag import LISTEN, sockets_at
    >>> from iomux.system.sockets import listen
    >>> with listen() as listener:
    ...     print([one.state == LISTEN for one in sockets_at(listener.getsockname()[1])])
    [True]
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            ends = ((port, 0), (0, port))
            families = (socket.AF_INET, socket.AF_INET6)
            return [one for family in families for end in ends for one in _list(kernel, family, *end)]
    except (OSError, AttributeError):
        return [one for one in _from_proc() if port in (one.local, one.remote) and one.state != _TIME_WAIT]


def _list(kernel: socket.socket, family: int, local: int, remote: int) -> Iterator[Socket]:
    sockid = struct.pack("!HH", local, remote) + bytes(36) + b"\xff" * 8  # any address and device
    asked = _ASKED.pack(family, socket.IPPROTO_TCP, 1 << (_MEMORY - 1), 0, _BUT_TIME_WAIT) + sockid
    kernel.send(_HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _DUMP, 0, 0) + asked)
    while True:
        answers = kernel.recv(_LIST_BYTES)
        while answers:
            size, kind, *_ = _HEADER.unpack_from(answers)
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError("the kernel has no sock_diag for TCP")
            yield _socket(answers[_HEADER.size : size])
            answers = answers[size + 3 & ~3 :]


def _socket(answer: bytes) -> Socket:
    _, state, _, _, sockid, _, unread, unsent, _, inode = _FOUND.unpack_from(answer)
    local, remote = struct.unpack_from("!HH", sockid)
    memory = _attribute(answer[_FOUND.size :], _MEMORY) if state == LISTEN else b""
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


def _question(family: int, of: tuple[object, ...], peer: tuple[object, ...]) -> bytes:
    """Ask for the one socket whose own address is `of` and whose peer has the address `peer`."""
    own, other = (socket.inet_pton(family, str(address[0])).ljust(16, b"\0") for address in (of, peer))
    ports = struct.pack("!HH", of[1], peer[1])
    sockid = ports + own + other + bytes(4) + b"\xff" * 8  # any device; INET_DIAG_NOCOOKIE
    asked = _ASKED.pack(family, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, _ANY_STATE) + sockid
    return _HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 0, 0) + asked


def _connection(answer: bytes) -> Connection | None:
    _, state, _, _, _, _, unread, queued, _, inode = _FOUND.unpack_from(answer)
    if state == LISTEN:  # no such connection: the kernel answers with the listener
        return None
    info = _attribute(answer[_FOUND.size :], _INFO)
    unacked, not_sent = (int.from_bytes(info[at : at + 4], sys.byteorder) for at in (_UNACKED_AT, _NOT_SENT_AT))
    acked = int.from_bytes(info[_ACKED_AT : _ACKED_AT + 8], sys.byteorder)
    return Connection(state, inode, unread, not_sent, unacked, acked + queued)


def _attribute(rest: bytes, wanted: int) -> bytes:
    """The value of one netlink attribute; no bytes if it is not there (a connection that is closing has no info)."""
    while len(rest) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(rest)
        if kind == wanted:
            return rest[_ATTRIBUTE.size : length]
        rest = rest[max(length + 3 & ~3, _ATTRIBUTE.size) :]
    return b""
