"""Nonblocking: call `recv` on every client in turn, all the time.

With O_NONBLOCK a call that would have to wait fails with EAGAIN instead (`BlockingIOError` in Python). So
one thread can serve many clients by trying each in turn. It never waits, and therefore never sleeps:
it uses a whole core while no client sends anything. That leads to the question of the next chapters:
who could tell the server *which* client to read from?

Cost: one `recv` for each client in each round, nearly always an empty one (EAGAIN). Sources: fcntl(2), recv(2).
"""

import socket
from typing import NoReturn

from iomux.servers.connection import OVER, Connection, Handler, echo
from iomux.system.sockets import SHORTAGE, accept_pending


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by trying each in turn, for ever. Never returns, never sleeps."""
    listener.setblocking(False)
    connections: set[Connection] = set()
    while True:
        try:
            for client in accept_pending(listener):
                connections.add(Connection(client, handler))
        except OSError as error:
            if error.errno not in SHORTAGE:  # at the limit: the next round tries again
                raise
        for connection in tuple(connections):
            if connection.advance() and connection.interest == OVER:
                connections.remove(connection)
                connection.close()
