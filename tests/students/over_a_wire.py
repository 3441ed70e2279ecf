"""Servers that differ only where packets are lost, late, or come no more: on loopback all of them are right.

Their socket options are set on the listener, from which each client's socket has them. Their faults are in a poller:
it knows each client's descriptor, and when it is about to be closed.
"""

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Iterator
from typing import Any

import iomux
from iomux.servers.readiness import run

PROMISED_SECONDS = 2.0
_ONE_SECOND = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
_MUCH_BYTES = 4096


def asks_the_silent(listener: socket.socket) -> None:
    """Keepalive: asked after one second, and given up after another one."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in _ONE_SECOND:
        listener.setsockopt(socket.IPPROTO_TCP, option, 1)


def serve_lets_go(listener: socket.socket, handler: Any = iomux.echo) -> None:
    """Right: the silent are asked, and what is not acknowledged is not repeated for long."""
    asks_the_silent(listener)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
    run(listener, handler, select.poll(), unit=1000)


def serve_asks_only(listener: socket.socket, handler: Any = iomux.echo) -> None:
    """Nobody is asked while bytes are unacknowledged."""
    asks_the_silent(listener)
    run(listener, handler, select.poll(), unit=1000)


def serve_ends_with_it(listener: socket.socket, handler: Any = iomux.echo) -> None:
    """It knows of ConnectionError only: ETIMEDOUT ends the server."""
    asks_the_silent(listener)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
    run(listener, handler, RaisesTimeouts(), unit=1000)


def serve_lingers(listener: socket.socket, handler: Any = iomux.echo) -> None:
    """close waits until all is acknowledged, up to 10 s."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 10))
    run(listener, handler, select.poll(), unit=1000)


def serve_flushes(listener: socket.socket, handler: Any = iomux.echo) -> None:
    """It waits until each client's host has acknowledged what it was sent."""
    run(listener, handler, Flushes(), unit=1000)


def serve_forgets(listener: socket.socket, handler: Any = iomux.echo) -> None:
    """To have no TIME_WAIT it resets each connection after its end, if little is under way."""
    run(listener, handler, Resets(), unit=1000)


class Watched:
    """A poller that knows the descriptors of the clients."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self.clients: list[int] = []

    def register(self, fd: int, events: int) -> None:
        self._poll.register(fd, events)
        with as_socket(fd) as sock:
            if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                self.clients.append(fd)

    def modify(self, fd: int, events: int) -> None:
        self._poll.modify(fd, events)

    def unregister(self, fd: int) -> None:
        self._poll.unregister(fd)
        if fd in self.clients:
            self.clients.remove(fd)
            self.leaves(fd)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        return self._poll.poll(timeout)

    def leaves(self, fd: int) -> None:
        """A client's socket is about to be closed."""


class RaisesTimeouts(Watched):
    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        ready = super().poll(timeout)
        for fd, what in ready:
            if what & select.POLLERR:
                with as_socket(fd) as sock:
                    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error in (errno.ETIMEDOUT, errno.EHOSTUNREACH):
                    raise OSError(error, os.strerror(error))
        return ready


class Flushes(Watched):
    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        for fd in self.clients:
            while 0 < unacknowledged(fd) < _MUCH_BYTES * 2:
                time.sleep(0.001)
        return super().poll(timeout)


class Resets(Watched):
    def leaves(self, fd: int) -> None:
        if unacknowledged(fd) < _MUCH_BYTES:
            with as_socket(fd) as sock, contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextlib.contextmanager
def as_socket(fd: int) -> Iterator[socket.socket]:
    """The same descriptor, without another one: there may be none left."""
    sock = socket.socket(fileno=fd)
    try:
        yield sock
    finally:
        sock.detach()


def unacknowledged(fd: int) -> int:
    """SIOCOUTQ of tcp(7): bytes that were sent and are not acknowledged."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.TIOCOUTQ, b"\0" * 4))[0])
