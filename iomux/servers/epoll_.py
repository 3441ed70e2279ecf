"""epoll: the kernel keeps the interest list, and only changes to it are passed in.

`epoll_ctl` puts a descriptor on an *interest list* that stays in the kernel. Each socket on it carries a
callback: when data arrives, it puts the socket on the *ready list*. `epoll_wait` takes the entries of the
ready list and looks at nothing else, so its cost grows with the number of *ready* descriptors, not of
watched ones. In exchange every change of interest is a system call.

Level-triggered, the default: a descriptor is reported as long as it is ready. Edge-triggered (EPOLLET): it
is reported once, when something *new* happened to it. A server that stops reading before EAGAIN is not notified
again, so it has to remember which clients may have more: a ready list in user space. Each gets one turn after
the other, so that a client which sends all the time can't starve the others (epoll(7), "Starvation").

Sources: epoll(7), epoll_ctl(2); fs/eventpoll.c in the Linux kernel.
"""

import select
import socket
from typing import NoReturn

from iomux.servers.connection import OVER, Handler, echo
from iomux.servers.readiness import Clients, Poller, run


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` from one thread that sleeps in epoll_wait(2). Never returns."""
    run(listener, handler, select.epoll(), unit=1)


def serve_edge_triggered(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Do the same with EPOLLET: each client is registered once, for reading and writing, and never modified."""
    run_edge_triggered(listener, handler, select.epoll())


def run_edge_triggered(listener: socket.socket, handler: Handler, epoll: Poller) -> NoReturn:
    """Serve every client of `listener` from one thread, woken by `epoll` when something new happened. Never returns."""
    clients = Clients(listener, handler, epoll, 1, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    may_have_more: dict[int, None] = {}  # a set that keeps its order, for fair turns
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
    """Let one client advance by one read or send; return whether it may have more to do."""
    connection = clients.connections.get(fd)
    if connection is None:  # let go meanwhile
        return False
    connection.drained = False
    connection.advance()
    if connection.interest == OVER:
        clients.close(fd)
        return False
    return not connection.drained
