"""What the kernel knows of a TCP socket that is not ours: the other end of a connection.

A server's socket can't be asked from another process, but the kernel answers for it: how many bytes lie unread, how
many the server has written and the kernel has not sent, which inode its descriptors have. One question and one answer
over a netlink socket, some 10 µs however many sockets the machine has. Anyone may ask.
Sources: sock_diag(7), tcp(7) (TCP_INFO); include/uapi/linux/inet_diag.h, sock_diag.h, netlink.h, tcp.h.
"""

import errno
import os
import socket
import struct
import sys
from typing import NamedTuple

ESTABLISHED, LISTEN = 1, 10
"""States of a socket (include/net/tcp_states.h)."""
NETLINK_SOCK_DIAG = 4
_BY_FAMILY, _REQUEST = 20, 1
_INFO, _ANY_STATE = 2, 0xFFFFFFFF
_ANSWER_BYTES = 4096
HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ASKED = struct.Struct("=BBBBI")  # the start of struct inet_diag_req_v2; struct inet_diag_sockid follows
FOUND = struct.Struct("=BBBB48sIIIII")  # struct inet_diag_msg
ATTRIBUTE = struct.Struct("=HH")
UNACKED = slice(24, 28)
"""Where struct tcp_info has the segments that are sent and not acknowledged (TCP_INFO, linux/tcp.h)."""
_NOT_SENT, _ACKED = slice(144, 148), slice(120, 128)  # there, too


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


def missing() -> str:
    """Why this system can't be asked; empty if it can.

    Example:
    >>> from iomux.system.sock_diag.other_end import missing
    >>> isinstance(missing(), str)
    True
    """
    if sys.platform != "linux":
        return "only Linux tells of a connection's other end (sock_diag(7))"
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG):
            return ""
    except OSError as error:
        return f"the kernel does not tell of a connection's other end (sock_diag(7)): {error.strerror}"


def other_end(client: socket.socket) -> Connection | None:
    """The end of a connection that `client`, on this machine, is connected to; None if the connection is over.

    Raises OSError if the kernel can't be asked (`missing` says why), so on every system but Linux.

    Example:
    >>> from iomux.system.sock_diag.other_end import other_end
    >>> from iomux.system.sockets import tcp_pair
    >>> near, far = tcp_pair()
    >>> with near, far:
    ...     sent = far.send(b"hello")
    ...     print(other_end(far).unread)
    5
    """
    if sys.platform != "linux":
        raise OSError(errno.EOPNOTSUPP, missing())
    try:
        here, there = client.getsockname(), client.getpeername()
    except OSError:  # it was reset: ENOTCONN
        return None
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(_question(client.family, there, here))
        answer = kernel.recv(_ANSWER_BYTES)
    length, kind, *_ = HEADER.unpack_from(answer)
    if kind != _BY_FAMILY:
        number = -int.from_bytes(answer[HEADER.size : HEADER.size + 4], sys.byteorder, signed=True)
        if number == errno.ENOENT:
            return None
        raise OSError(number, os.strerror(number))
    return _connection(answer[HEADER.size : length])


def _question(family: int, of: tuple[object, ...], peer: tuple[object, ...]) -> bytes:
    """Ask for the one socket whose own address is `of` and whose peer has the address `peer`."""
    own, other = (socket.inet_pton(family, str(address[0])).ljust(16, b"\0") for address in (of, peer))
    ports = struct.pack("!HH", of[1], peer[1])
    sockid = ports + own + other + bytes(4) + b"\xff" * 8  # any device; INET_DIAG_NOCOOKIE
    asked = _ASKED.pack(family, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, _ANY_STATE) + sockid
    return HEADER.pack(HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 0, 0) + asked


def _connection(answer: bytes) -> Connection | None:
    _, state, _, _, _, _, unread, queued, _, inode = FOUND.unpack_from(answer)
    if state == LISTEN:  # no such connection: the kernel answers with the listener
        return None
    info = attribute(answer[FOUND.size :], _INFO)
    unacked, not_sent, acked = (int.from_bytes(info[at], sys.byteorder) for at in (UNACKED, _NOT_SENT, _ACKED))
    return Connection(state, inode, unread, not_sent, unacked, acked + queued)


def attribute(rest: bytes, wanted: int) -> bytes:
    """The value of one netlink attribute; no bytes if it is not there (a connection that is closing has no info)."""
    while len(rest) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(rest)
        if kind == wanted:
            return rest[ATTRIBUTE.size : length]
        rest = rest[max(length + 3 & ~3, ATTRIBUTE.size) :]
    return b""
