"""Nonblocking: ask everyone, all the time.

With O_NONBLOCK a call that would have to wait fails with EAGAIN instead (`BlockingIOError` in Python). So
one thread can serve many clients by asking each in turn whether it has sent something. It never waits,
and therefore never stops: it uses a whole core while nobody says a word. That is its lesson, and the
question the next chapters answer: who could tell us *whom* to ask?

Cost: one failing `recv` per client and round, whether or not anything happened. Sources: fcntl(2), recv(2).
"""

import socket
from typing import NoReturn

from iomux.servers.connection import OVER, Connection, Handler, echo
from iomux.system.sockets import SHORTAGE, accept_pending


def serve(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """Serve every client of `listener` by asking each in turn, for ever. Never returns, never sleeps."""
    listener.setblocking(False)
    connections: set[Connection] = set()
    while True:
        try:
            for client in accept_pending(listener):
                connections.add(Connection(client, handler))
        except OSError as error:
            if error.errno not in SHORTAGE:  # at the limit: asked again next round, like everything here
                raise
        for connection in tuple(connections):
            if connection.advance() and connection.interest == OVER:
                connections.remove(connection)
                connection.close()
