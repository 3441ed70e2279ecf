"""The correct event loop of the clinic's servers: a client, the steps of its turn, and the loop itself.

Each bug replaces one of these functions. The loop is a small `iomux.servers.readiness` with its steps separated,
so that any of them can be replaced. Cost: one system call per turn more than `Connection`.
"""

import contextlib
import io
import itertools
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from iomux.servers.connection import CHUNK_BYTES, HIGH_WATER_BYTES, OVER, READ, WRITE, Handler
from iomux.servers.readiness import Poller
from iomux.system.sockets import SHORTAGE, accept_pending


@dataclass(slots=True)
class Client:
    """One client: its socket, the bytes owed to it, whether its stream has ended, and its registered interest."""

    sock: socket.socket
    owed: bytearray = field(default_factory=bytearray)
    ended: bool = False
    interest: int = READ
    kept: bytes = b""
    """The bytes of an incomplete message, for a protocol that has messages."""
    reader: io.BufferedReader | None = None
    """What receives for this client and keeps what is not yet asked for, if its server has such a thing."""


Clients = dict[int, Client]
Step = Callable[[Client], None]
Read = Callable[[Client, Handler], None]
Turn = Callable[[Client, Handler], int]
"""Handles a client that is ready; returns what to wait for next, OVER if nothing."""
Admit = Callable[[socket.socket, Poller, Clients], None]
Drop = Callable[[Poller, Clients, int], None]


def send_owed(client: Client) -> None:
    """Send what the kernel takes of what is owed."""
    with contextlib.suppress(BlockingIOError):
        del client.owed[: client.sock.send(client.owed)]


def read(client: Client, handler: Handler) -> None:
    """Read once; owe the answer."""
    with contextlib.suppress(BlockingIOError):
        data = client.sock.recv(CHUNK_BYTES)
        client.ended = not data
        client.owed += handler(data) if data else b""


def interest_of(client: Client) -> int:
    """What to wait for: room while something is owed, bytes while it is not too much, nothing when all is over."""
    if client.ended or len(client.owed) >= HIGH_WATER_BYTES:
        return WRITE if client.owed else OVER
    return READ | WRITE if client.owed else READ


def turn(
    client: Client,
    handler: Handler,
    send_owed: Step = send_owed,
    read: Read = read,
    interest_of: Callable[[Client], int] = interest_of,
) -> int:
    """One turn of a client: send, read, send. An error of its socket ends the client."""
    try:
        if client.owed:
            send_owed(client)
        if interest_of(client) & READ:
            read(client, handler)
            if client.owed:
                send_owed(client)
    except OSError:
        return OVER
    return interest_of(client)


def admit(listener: socket.socket, poller: Poller, clients: Clients, interest: int = READ) -> None:
    """Accept every waiting client; at the descriptor limit, stop watching the listener until a client has left."""
    try:
        for sock in accept_pending(listener):
            take(sock, poller, clients, interest)
    except OSError as error:
        if error.errno not in SHORTAGE:
            raise
        poller.modify(listener.fileno(), OVER)


def take(sock: socket.socket, poller: Poller, clients: Clients, interest: int = READ) -> None:
    """Keep a client that was accepted, and watch it."""
    clients[sock.fileno()] = Client(sock)
    poller.register(sock.fileno(), interest)


def take_all(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Accept every waiting client and leave the listener's entry alone; those without a descriptor go on waiting."""
    with contextlib.suppress(OSError):
        for sock in accept_pending(listener):
            take(sock, poller, clients)


def take_one(listener: socket.socket, poller: Poller, clients: Clients) -> None:
    """Do the same for one client only."""
    with contextlib.suppress(OSError):
        for sock in itertools.islice(accept_pending(listener), 1):
            take(sock, poller, clients)


def drop(poller: Poller, clients: Clients, fd: int) -> None:
    """Unregister the client, then close it: the kernel gives its number to the next client at once."""
    poller.unregister(fd)
    clients.pop(fd).sock.close()


def run(
    listener: socket.socket,
    handler: Handler,
    turn: Turn = turn,
    admit: Admit = admit,
    drop: Drop = drop,
    poller: Poller | None = None,
) -> NoReturn:
    """Serve every client of `listener` with these steps, woken by `poller` (default: a `select.poll()`)."""
    poller, clients = begin(listener, poller or select.poll())
    while True:
        one_round(listener, handler, poller, clients, turn, admit, drop)


def run_beside(poller: Poller, clients: Clients, handler: Handler, admit: Callable[[int], None]) -> NoReturn:
    """Serve, and leave all that concerns listeners to `admit`, which is given the number of the one that is ready."""
    while True:
        for fd, _ in poller.poll(None):
            if fd not in clients:
                admit(fd)
            elif (interest := turn(clients[fd], handler)) == OVER:
                drop(poller, clients, fd)
            else:
                poller.modify(fd, interest)


def begin(listener: socket.socket, poller: Poller) -> tuple[Poller, Clients]:
    """A poller that watches the listener, and no clients yet."""
    listener.setblocking(False)
    poller.register(listener.fileno(), READ)
    return poller, {}


def one_round(
    listener: socket.socket,
    handler: Handler,
    poller: Poller,
    clients: Clients,
    turn: Turn = turn,
    admit: Admit = admit,
    drop: Drop = drop,
) -> None:
    """Sleep until a descriptor is ready; give each client that is ready one turn."""
    for fd, _ in poller.poll(None):
        if fd not in clients:
            admit(listener, poller, clients)
            continue
        settle(listener, poller, clients, fd, turn(clients[fd], handler), drop)


def settle(
    listener: socket.socket, poller: Poller, clients: Clients, fd: int, interest: int, drop: Drop = drop
) -> None:
    """Register what a client waits for now; drop it if that is nothing."""
    client = clients[fd]
    if interest == OVER:
        drop(poller, clients, fd)
        poller.modify(listener.fileno(), READ)  # a descriptor is free again
    elif interest != client.interest:
        client.interest = interest
        poller.modify(fd, interest)
