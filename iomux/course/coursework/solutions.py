"""Model solutions of the assignments of notebook 12; `iomux.check` gives each of them all points.

(a) `serve_poll`: the interest list outlives the call. Each change of interest is registered once, when it occurs.
(b) `serve_edge_triggered`: epoll reports only new events, so the server remembers which clients may have more.
(c) is a separate program: `iomux/course/coursework/chat.py`.

Cost: (a) poll's scan of all clients; (b) one `epoll_ctl` per client in its lifetime, and at most one extra `recv`.
"""

import select
import socket
from typing import NoReturn

from iomux.course.coursework.starter import accept_waiting
from iomux.servers.connection import OVER, READ, Connection, Handler, echo
from iomux.system.sockets import RETRY_SECONDS


def serve_poll(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """(a) Serve every client of `listener` from one thread that sleeps in poll(2). Never returns."""
    listener.setblocking(False)
    clients: dict[int, Connection] = {}
    poller, door, short = select.poll(), listener.fileno(), False
    while True:
        poller.register(door, 0 if short else READ)  # a second register modifies the entry
        ready = poller.poll(RETRY_SECONDS * 1000 if short else None)
        short = False
        for fd, _ in ready:
            if fd == door:
                came, short = accept_waiting(listener)
                for sock in came:
                    clients[sock.fileno()] = Connection(sock, handler)
                    poller.register(sock.fileno(), READ)
            elif clients[fd].advance():
                if clients[fd].interest == OVER:
                    poller.unregister(fd)  # else poll reports the closed number for ever (POLLNVAL)
                    clients.pop(fd).close()
                else:
                    poller.modify(fd, clients[fd].interest)


def serve_edge_triggered(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """(b) Serve every client of `listener` from one thread, notified of changes only (EPOLLET). Never returns."""
    listener.setblocking(False)
    clients: dict[int, Connection] = {}
    may_have_more: dict[int, None] = {}  # an ordered set, for fair turns
    epoll, door, short = select.epoll(), listener.fileno(), False
    epoll.register(door, READ)
    while True:
        epoll.modify(door, 0 if short else READ)
        ready = epoll.poll(0 if may_have_more else RETRY_SECONDS if short else None)
        short = False
        for fd, _ in ready:
            if fd == door:
                came, short = accept_waiting(listener)
                for sock in came:
                    clients[sock.fileno()] = Connection(sock, handler)
                    epoll.register(sock.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            else:
                may_have_more[fd] = None
        for fd in list(may_have_more):  # one turn each, then poll for newcomers
            client = clients[fd]
            client.drained = False
            client.advance()
            if client.interest == OVER:
                clients.pop(fd).close()
            if client.drained or not client.interest & READ:
                del may_have_more[fd]  # epoll reports its next edge
