"""TCP sockets: listening, accepting, resetting, the kernel's stamp on what arrives, and the limit on open descriptors.

A listening socket has two queues in the kernel: handshakes under way, and complete connections that
wait for `accept`. The length of the second is the *backlog*. A client is "connected" as soon as the kernel
has finished the handshake, long before the server accepts it. So a second client of a
blocking server connects at once and then waits for ever.

Sources: listen(2), accept(2), getrlimit(2), tcp(7), socket(7), cmsg(3), RFC 6890.
"""

import errno
import resource
import socket
import struct
import sys
import time
from collections.abc import Iterator

from iomux.system.features import SO_TIMESTAMPNS, available

Address = tuple[str, int]

LOOPBACK = ("127.", "::1")
"""How a loopback address begins."""

BACKLOG = 4096
"""The most complete connections that may wait for `accept`; the kernel cuts it to net.core.somaxconn (listen(2))."""

RETRY_SECONDS = 0.1
"""How long a server without free descriptors waits before it tries to accept again."""

SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of accept(2) when the process or the system has no descriptor or memory left."""

ANCILLARY_BYTES = 64
"""Room for one receive timestamp: a header of 16 bytes and a struct timespec of 16 (cmsg(3))."""

_TIMESPEC = struct.Struct("@ll")
_NETWORK_ERRORS = ("ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH")
CLIENT_GONE = frozenset(
    getattr(errno, name)
    for name in ("ECONNABORTED", "ECONNRESET", "EPROTO", "EPERM", "EINTR", *_NETWORK_ERRORS)
    if hasattr(errno, name)
)
"""Errors of accept(2) that concern one pending connection: skip that client and accept the next."""


def listen(host: str = "127.0.0.1", port: int = 0, backlog: int = BACKLOG) -> socket.socket:
    """Open a bound, listening TCP socket; port 0 lets the kernel choose a free one.

    host: the address to bind to; one with a colon is IPv6. backlog: the most complete connections that may wait for
    `accept`; the kernel cuts it to net.core.somaxconn (listen(2)).

    TCP_NODELAY is set here because accepted sockets inherit it (tcp(7)): without it the last short segment of
    a long reply may wait for an acknowledgement (RFC 896, Nagle). Raises OSError when the port is taken.

    Example:
    >>> with iomux.listen() as listener:
    ...     print(listener.getsockname()[0])
    127.0.0.1
    """
    return open_listener(socket.socket(family_of((host, port)), socket.SOCK_STREAM), (host, port), backlog)


def open_listener(listener: socket.socket, address: Address, backlog: int = BACKLOG) -> socket.socket:
    """Bind a new socket and let it listen, as `listen` does; return it. It is closed when that fails."""
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener


def family_of(address: Address) -> socket.AddressFamily:
    """IPv6 for an address with a colon in it, else IPv4."""
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def accept_pending(listener: socket.socket) -> Iterator[socket.socket]:
    """Yield every waiting client, set nonblocking, until accept fails with EAGAIN.

    A client that gave up while it waited is skipped. Raises OSError with an errno in `SHORTAGE` when
    no descriptor is left; the clients that still wait stay in the backlog.

    Example:
    >>> from iomux.system.sockets import accept_pending
    >>> with iomux.listen() as listener:
    ...     listener.setblocking(False)
    ...     print(list(accept_pending(listener)))
    []
    """
    while True:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno in CLIENT_GONE:
                continue
            raise
        client.setblocking(False)
        yield client


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a new TCP connection over loopback: the accepted one, then the connecting one. Both block.

    Example:
    >>> from iomux.system.sockets import tcp_pair
    >>> near, far = tcp_pair()
    >>> with near, far:
    ...     far.sendall(b"hello")
    ...     print(near.recv(5))
    b'hello'
    """
    with listen() as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    return near, far


def reset(sock: socket.socket) -> None:
    """Close with a reset instead of an orderly shutdown: SO_LINGER of 0 seconds (socket(7)). Unsent bytes are lost.

    Example:
    >>> from iomux.system.sockets import reset, tcp_pair
    >>> near, far = tcp_pair()
    >>> reset(far)
    >>> with near: near.recv(1)
    Traceback (most recent call last):
    ConnectionResetError: ...
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_until_refused(address: tuple[str, int], seconds: float = 2.0) -> None:
    """Wait until nothing listens at a loopback address any more, or until `seconds` have passed.

    The socket of a process that was killed is closed with it, unless an io_uring still holds it: the kernel
    frees a ring from a work queue, some 10 ms later (io_uring/io_uring.c, io_ring_exit_work).
    """
    until = time.monotonic() + seconds
    while address[0].startswith(LOOPBACK) and time.monotonic() < until:  # others can't be asked from here
        try:
            socket.create_connection(address, timeout=seconds).close()
        except OSError:
            return
        time.sleep(0.001)


def raise_descriptor_limit() -> int:
    """Raise the soft limit on descriptors to the hard one; return the limit now in effect (getrlimit(2)).

    Example:
    >>> from iomux.system.sockets import raise_descriptor_limit
    >>> raise_descriptor_limit() >= 256
    True
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS reports an unlimited hard limit and then refuses it; 10,240 (OPEN_MAX) is what it grants.
    wanted = 10_240 if sys.platform == "darwin" and hard == resource.RLIM_INFINITY else hard
    if soft != wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def descriptor_limit() -> int:
    """How many descriptors this process may open now, the soft limit (getrlimit(2)).

    Example:
    >>> from iomux.system.sockets import descriptor_limit
    >>> descriptor_limit() >= 256
    True
    """
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def ask_for_stamps(sock: socket.socket) -> None:
    """Make the kernel return a receive timestamp with each `recvmsg`, where it has them."""
    if available("timestamps"):
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def stamp_in(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The receive timestamp in nanoseconds; 0 if there is none (a struct timespec, socket(7))."""
    if not ancillary:
        return 0
    seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
    return int(seconds * 1_000_000_000 + nanoseconds)
