"""Solutions of 06b: idle workers by chance, the busiest of four, and a server that accepts once a wake-up.

Cost: the second opens 1,000 connections; the third loses a moment for each burst.
"""

import select
import socket
from math import comb
from typing import NoReturn

import iomux
from iomux.servers.connection import OVER, READ, Connection, Handler, echo
from iomux.system.sockets import Address


def exercise_1(clients: int, workers: int = 4) -> float:
    """How likely at least one worker has no client, if each client is given to one of them by a fair throw."""
    signs = [1.0 if idle % 2 else -1.0 for idle in range(1, workers)]
    each = [comb(workers, idle) * (1 - idle / workers) ** clients for idle in range(1, workers)]
    return sum(sign * term for sign, term in zip(signs, each, strict=True))


def exercise_2(clients: int = 1_000, workers: int = 4) -> list[int]:
    """How many of the clients each worker has got by hash, the busiest first."""
    with iomux.start(_mechanism(), processes=workers, sharing="reuseport") as group:
        come(group.address, clients)
        return sorted((worker.accepted or 0 for worker in group.processes), reverse=True)


def serve_accept_once(listener: socket.socket, handler: Handler = echo) -> NoReturn:
    """A server on epoll that accepts one client a wake-up. Never returns."""
    listener.setblocking(False)
    epoll, connections = select.epoll(), dict[int, Connection]()
    epoll.register(listener.fileno(), READ)
    while True:
        for fd, _ in epoll.poll():
            if fd != listener.fileno():
                _advance(epoll, connections, fd)
            elif client := _accepted(listener):
                connections[client.fileno()] = Connection(client, handler)
                epoll.register(client.fileno(), READ)


def _accepted(listener: socket.socket) -> socket.socket | None:
    try:
        client, _ = listener.accept()
    except OSError:  # another worker was quicker, or the client has gone
        return None
    client.setblocking(False)
    return client


def _advance(epoll: select.epoll, connections: dict[int, Connection], fd: int) -> None:
    connection = connections[fd]
    if connection.advance() and connection.interest != OVER:
        epoll.modify(fd, connection.interest)
    elif connection.interest == OVER:
        epoll.unregister(fd)
        connections.pop(fd).close()


def exercise_3(clients: int = 200) -> list[int]:
    """How many of a burst each of two workers accepts that call accept once a wake-up, under EPOLLEXCLUSIVE."""
    with iomux.start(serve_accept_once, processes=2, sharing="exclusive") as group:
        come(group.address, clients)
        return sorted((worker.accepted or 0 for worker in group.processes), reverse=True)


def come(address: Address, count: int) -> None:
    """Let so many clients connect and ask at once, and wait until each has its answer."""
    clients = [socket.create_connection(address, timeout=20) for _ in range(count)]
    for client in clients:
        client.sendall(b"?")
    for client in clients:
        if client.recv(1) != b"?":
            raise ConnectionError("a client was not answered")
    for client in clients:
        client.close()


def _mechanism() -> str:
    return "epoll" if "epoll" in iomux.names() else "poll"
