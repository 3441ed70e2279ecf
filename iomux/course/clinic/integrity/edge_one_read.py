"""Edge-triggered, with one read per notification: a client gets stuck, and is never reported again.

Bug: EPOLLET reports new bytes once. A bounded read leaves the rest in the kernel, and no notification follows.
Symptom: requests above the buffer's size hang until the client sends more. Published: epoll(7), whose
example is this very stall; its kin, netty issue 7788: reading ends after a *short* read, which a signal can cause too.
Cure: read until EAGAIN, in bounded turns, or re-arm the descriptor: epoll_ctl(2), EPOLL_CTL_MOD, checks it again.
"""

import contextlib
import select
import socket
from functools import partial
from typing import NoReturn

from iomux.course.clinic.loop import Client, admit, begin, drop, turn
from iomux.servers.connection import OVER, READ, WRITE, Handler, echo

_TURN_BYTES = 4096
_EDGE = READ | WRITE | select.EPOLLET if hasattr(select, "EPOLLET") else 0


def small_read(client: Client, handler: Handler) -> None:
    """Read at most 4,096 bytes."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(_TURN_BYTES)
        client.ended = not data
        client.owed += handler(data) if data else b""


small_turn = partial(turn, read=small_read)


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """With the bug. Never returns."""
    poller, clients = begin(listener, select.epoll())
    while True:
        for fd, _ in poller.poll(None):
            if fd not in clients:
                admit(listener, poller, clients, _EDGE)
            elif small_turn(clients[fd], handler) == OVER:
                drop(poller, clients, fd)
                poller.modify(listener.fileno(), READ)


def cured(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Fixed. Never returns."""
    poller, clients = begin(listener, select.epoll())
    while True:
        for fd, _ in poller.poll(None):
            if fd not in clients:
                admit(listener, poller, clients, _EDGE)
            elif (interest := small_turn(clients[fd], handler)) == OVER:
                drop(poller, clients, fd)
                poller.modify(listener.fileno(), READ)
            else:
                poller.modify(fd, interest | select.EPOLLET)  # what is still ready is reported again
