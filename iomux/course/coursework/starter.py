"""A select server to start from: correct, and short enough to rebuild on another mechanism.

It uses two parts that are independent of select: `accept_waiting` below, and `Connection`, which keeps what one client
is still owed and says what to wait for. The rest is the loop, and that is the coursework of notebook 12.

Cost: that of select. The lists are rebuilt for every call, and the kernel looks at each client in them.
"""

import select
import socket
from typing import NoReturn

from iomux.servers.connection import OVER, READ, WRITE, Connection, Handler, echo
from iomux.servers.select_ import FD_SETSIZE
from iomux.system.sockets import RETRY_SECONDS, SHORTAGE, accept_pending


def accept_waiting(listener: socket.socket) -> tuple[list[socket.socket], bool]:
    """Accept all clients that wait at a nonblocking listener; return them, nonblocking, and if descriptors ran out.

    If they did, clients still wait in the backlog, so the listener stays readable (accept(2), EMFILE): a loop that goes
    on watching it never sleeps.

    Example:
    >>> from iomux.course.coursework.starter import accept_waiting
    >>> with iomux.listen() as listener:
    ...     listener.setblocking(False)
    ...     print(accept_waiting(listener))
    ([], False)
    """
    came: list[socket.socket] = []
    try:
        came.extend(accept_pending(listener))
    except OSError as error:
        if error.errno not in SHORTAGE:
            raise
        return came, True
    return came, False


def serve_select(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` from one thread that sleeps in select(2). Never returns.

    Example:
    >>> from iomux.course.coursework.starter import serve_select
    >>> iomux.check(serve_select, only="echoes", progress=False).passed
    True
    """
    listener.setblocking(False)
    clients: dict[int, Connection] = {}
    door, short = listener.fileno(), False
    while True:
        readers = [fd for fd, client in clients.items() if client.interest & READ]
        writers = [fd for fd, client in clients.items() if client.interest & WRITE]
        watched = readers if short else [door, *readers]
        readable, writable, _ = select.select(watched, writers, [], RETRY_SECONDS if short else None)
        short = False
        for fd in {*readable, *writable}:
            if fd == door:
                came, short = accept_waiting(listener)
                _admit(came, clients, handler)
            elif clients[fd].advance() and clients[fd].interest == OVER:
                clients.pop(fd).close()


def _admit(came: list[socket.socket], clients: dict[int, Connection], handler: Handler) -> None:
    for sock in came:
        if sock.fileno() < FD_SETSIZE:
            clients[sock.fileno()] = Connection(sock, handler)
        else:
            sock.close()  # select cannot watch it: closing it tells the client
