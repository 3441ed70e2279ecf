"""A connection that is made while others are served: connect(2) begins it and returns, and later it is there, or not.

Cost: one system call to begin it, and two or three each time that one asks how far it is.
"""

import errno
import os
import socket

from iomux.system.network.connecting import lend_port
from iomux.system.sockets import family_of

_UNDER_WAY = (0, errno.EINPROGRESS, errno.EAGAIN)  # connect(2), EINPROGRESS


def begin_to_connect(address: tuple[str, int]) -> tuple[socket.socket, int]:
    """A nonblocking socket that connects, and what connect(2) said."""
    sock = socket.socket(family_of(address))
    sock.setblocking(False)
    lend_port(sock)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, sock.connect_ex(address)


def is_connected(sock: socket.socket, said: int, peer: tuple[str, int]) -> bool:
    """Whether the connection is made by now; said: what `begin_to_connect` returned. Raises OSError if it failed."""
    failed = 0 if said in _UNDER_WAY else said
    if number := failed or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(number, os.strerror(number))
    try:
        sock.getpeername()
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            return False
        raise
    if sock.getsockname()[1] == peer[1]:  # nothing listens, and the kernel gave us that very port
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    return True
