"""Why a program could not take its port: somebody else has it, or connections that have ended still keep it.

bind(2) fails with EADDRINUSE in both cases; in the second the port is free again after a minute (TIME_WAIT, tcp(7)).
For a program that sets SO_REUSEADDR (socket(7)) it is free at once, unless it was a client's own port.
"""

import re

from iomux.processes.named.command import Command, named_ports, numbers_in
from iomux.system.listeners import could_listen, lingers, listening_ports, who_listens

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
    candidates = [port for port in _ports(command, log) if port in listening_ports()]
    return f"port {candidates[0]} is taken by {who_listens(candidates[0])}" if candidates else ""


def by_old_connections(command: Command, log: str) -> int:
    """The command's port, if connections that have ended keep it; else 0."""
    return next((port for port in _ports(command, log) if lingers(port)), 0)


def why_kept(port: int) -> str:
    """What keeps a port that nobody listens at, and the cure."""
    if could_listen("127.0.0.1", port):
        return f"connections of its last run keep port {port} (TIME_WAIT): set SO_REUSEADDR before bind"
    return f"a client's connection has port {port}: choose a port that the kernel gives to no client, as 8000"


def _ports(command: Command, log: str) -> list[int]:
    """What may be the command's port, the likeliest first: its last one, one that it complains of, one in its text."""
    last = [_last[command]] if command in _last else []
    return list(dict.fromkeys([*last, *sorted(numbers_in(log)), *sorted(named_ports(command))]))
