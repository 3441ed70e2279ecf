"""epoll: the kernel keeps the list, and is told of changes only.

`epoll_ctl` puts a descriptor on an *interest list* that stays in the kernel. Each socket on it carries a
callback: when data arrives, the socket puts itself on the *ready list*. `epoll_wait` takes what stands on
the ready list and looks at nothing else, so its cost follows the number of *ready* descriptors, not of
watched ones. In exchange every change of interest is a system call.

Level-triggered, the default: a descriptor is reported as long as it is ready. Edge-triggered (EPOLLET): it
is reported when something *new* happened to it, once. Then whoever stops reading before EAGAIN is not told
again, so the server has to remember who may have more: its own ready list, in user space. One turn each,
round and round, keeps a client that sends without end from starving the others (epoll(7), "Starvation").

Sources: epoll(7), epoll_ctl(2); fs/eventpoll.c in the Linux kernel.
"""

import select
import socket
from typing import NoReturn

from iomux.servers.connection import OVER, READ, Handler, echo
from iomux.servers.readiness import Clients, Poller, run


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` from one thread that sleeps in epoll_wait(2). Never returns."""
    run(listener, handler, select.epoll(), unit=1)


def serve_edge_triggered(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """The same with EPOLLET: each client is registered once, for everything, and never modified."""
    run_edge_triggered(listener, handler, select.epoll())


def run_edge_triggered(listener: socket.socket, handler: Handler, epoll: Poller) -> NoReturn:
    """Serve every client of `listener` from one thread, woken by `epoll` when something new happened. Never returns."""
    clients = Clients(listener, handler, epoll, 1, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    may_have_more: dict[int, None] = {}  # a set that keeps its order: fair turns
    while True:
        for fd, _ in epoll.poll(0 if may_have_more else clients.timeout):
            if fd in clients.connections:
                may_have_more[fd] = None
            else:
                clients.accept()
        for fd in tuple(may_have_more):
            if not _turn(clients, fd):
                del may_have_more[fd]
        if clients.timeout is not None:
            clients.resume()


def _turn(clients: Clients, fd: int) -> bool:
    """Let one client advance by one read; say whether it may have more to read."""
    connection = clients.connections[fd]
    connection.drained = False
    connection.advance()
    if connection.interest == OVER:
        clients.close(fd)
    # A client that is read from no longer (back-pressure, end of stream) is owed bytes that the kernel did
    # not take: its next edge is EPOLLOUT.
    return bool(connection.interest & READ) and not connection.drained
