"""Why a program could not take its port: somebody else has it, or connections that have ended still keep it.

bind(2) fails with EADDRINUSE in both cases; in the second the port is free again after a minute (TIME_WAIT, tcp(7)). A
program that sets SO_REUSEADDR (socket(7)), in its last run and in this one, has it at once, unless it was a client's.
"""

import re
import socket
import time

from iomux.processes.named.command import Command, numbers_in, numbers_of
from iomux.processes.named.ways import Called
from iomux.system.listeners import first_port_of_clients, listening, peers, who_listens

_IN_USE = re.compile(r"address (is )?already in use|EADDRINUSE|errno 98\b|os error 98\b", re.IGNORECASE)
_TRY_SECONDS = 0.02
_last: dict[tuple[str, ...], int] = {}


def remember(found: Command | Called, port: int) -> None:
    """Note at which port a server has listened, for its next run."""
    _last[_key(found)] = port


def in_use(log: str) -> bool:
    """Whether a program's output says that its address was in use."""
    return bool(_IN_USE.search(log))


def candidates(found: Command | Called, log: str, port: int | None) -> list[int]:
    """What may be a server's port: the one that is known, or else those that its output or its text has in it."""
    if known := port or _last.get(_key(found)):
        return [known]
    return list(dict.fromkeys([*sorted(numbers_in(log)), *sorted(numbers_of(*_key(found)))]))


def _key(found: Command | Called) -> tuple[str, ...]:
    """The words of a command, or a function's file and name."""
    return found.words if isinstance(found, Command) else (getattr(found.function, "path", ""), found.__name__)


def by_whom(ports: list[int]) -> str:
    """Who listens at the first of these ports at which anybody does, in a sentence; empty if nobody does."""
    busy = {one.port for one in listening()}
    return next((f"port {port} is taken by {who_listens(port)}" for port in ports if port in busy), "")


def by_ended_connections(ports: list[int]) -> int:
    """The first of these ports that connections keep; 0 if there is none."""
    return next((port for port in ports if peers(port)), 0)


def by_a_client(port: int) -> bool:
    """Whether a client's connection keeps a port: its other end is a server's port, no client's."""
    first, busy = first_port_of_clients(), {one.port for one in listening()}
    return any(peer < first or peer in busy for peer in peers(port))


def why_kept(port: int) -> str:
    """What keeps a port at which nobody listens, and the cure."""
    if by_a_client(port):
        return f"a client's connection keeps port {port} for a minute: choose a lower one, which no client is given"
    return f"connections that have ended keep port {port} for a minute (TIME_WAIT): set SO_REUSEADDR before bind"


def hold(port: int, until: float) -> socket.socket | None:
    """A socket that keeps a port from being given to a client, as soon as it can be had; None if it can't in time.

    A program that sets SO_REUSEADDR can listen there in spite of it.
    """
    while time.monotonic() < until:
        time.sleep(_TRY_SECONDS)
        holder = socket.socket()
        try:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
        else:
            return holder
    return None
