"""Why a program could not take its port: somebody else has it, or connections that have ended still keep it.

bind(2) fails with EADDRINUSE in both cases; in the second the port is free again after a minute (TIME_WAIT, tcp(7)). A
program that sets SO_REUSEADDR (socket(7)), in its last run and in this one, has it at once, unless it was a client's.
"""

import re

from iomux.processes.named.command import Command, named_ports, numbers_in
from iomux.system.listeners import first_port_of_clients, lingers, listening, who_listens

_IN_USE = re.compile(r"address (is )?already in use|EADDRINUSE|errno 98\b|os error 98\b", re.IGNORECASE)
_last: dict[Command, int] = {}


def remember(command: Command, port: int) -> None:
    """Note at which port a command has listened, for its next run."""
    _last[command] = port


def in_use(log: str) -> bool:
    """Whether a program's output says that its address was in use."""
    return bool(_IN_USE.search(log))


def by_whom(command: Command, log: str) -> str:
    """Who listens at the command's port, as "port 8000 is taken by pid 7 (node)"; empty if that can't be told."""
    busy = {one.port for one in listening()}
    candidates = [port for port in _ports(command, log) if port in busy]
    return f"port {candidates[0]} is taken by {who_listens(candidates[0])}" if candidates else ""


def by_old_connections(command: Command, log: str) -> int:
    """The command's port, if connections that have ended keep it; else 0."""
    return next((port for port in _ports(command, log) if lingers(port)), 0)


def why_kept(port: int) -> str:
    """What keeps a port that nobody listens at, and the cure."""
    kept = f"connections that have ended keep port {port} for a minute (TIME_WAIT): set SO_REUSEADDR before bind"
    if 0 < first_port_of_clients() <= port:
        return f"{kept}, and choose a lower port, which the kernel gives to no client"
    return kept


def _ports(command: Command, log: str) -> list[int]:
    """What may be the command's port, the likeliest first: its last one, one that it complains of, one in its text."""
    last = [_last[command]] if command in _last else []
    return list(dict.fromkeys([*last, *sorted(numbers_in(log)), *sorted(named_ports(command))]))
