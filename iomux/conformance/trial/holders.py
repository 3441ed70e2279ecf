"""Who still holds a client's socket: a connection ends when the last descriptor of it is closed (close(2)).

A child inherits every descriptor that its parent has open (fork(2)), and dup makes another one for the same socket. If
one of them remains, close ends nothing: the client sees no end, and epoll goes on telling of it (epoll(7), questions).
From outside a socket is known by its inode: the kernel tells it for a connection (sock_diag(7)), and /proc/PID/fd names
it for each descriptor (proc_pid_fd(5)).
"""

import contextlib
import os
import socket
import time
from pathlib import Path

from iomux.conformance.trial.subject import NotSeen, Subject, processes
from iomux.system.machine import cpu_time
from iomux.system.sock_diag.at_port import sockets_at
from iomux.system.sock_diag.other_end import LISTEN, missing, other_end

_MOMENT_SECONDS = 0.3
STILL_HELD = (
    "A connection ends when its last descriptor is closed. A child process has a copy of each that was open at fork, "
    "dup makes another one. Close those that it does not need in the child, at once (or let exec do it: O_CLOEXEC)."
)
"""The hint for a server that has closed a client, when somebody still holds it."""


def holders(subject: Subject, client: socket.socket) -> dict[int, int]:
    """How many descriptors of a client's connection each of the server's processes has, by PID; empty if none has.

    Empty also where that can't be seen: no process is known, or the kernel does not tell.

    Example:
    >>> from iomux.conformance.trial.holders import holders
    >>> from iomux.conformance.trial.subject import Subject
    >>> with iomux.start("poll") as server, socket.create_connection(server.address) as client:
    ...     client.sendall(b"hello")
    ...     answer = client.recv(5)
    ...     print(holders(Subject(server.address, server.pid), client) == {server.pid: 1})
    True
    """
    if subject.pid is None or missing():
        return {}
    with contextlib.suppress(OSError, NotSeen):
        end = other_end(client)
        if end is not None and end.inode:
            return held_by(subject, end.inode)
    return {}


def held_by(subject: Subject, inode: int) -> dict[int, int]:
    """How many descriptors of a socket each of the server's processes has, by PID. Raises as `processes`.

    Example:
    >>> from iomux.conformance.trial.holders import held_by
    >>> from iomux.conformance.trial.subject import Subject
    >>> with iomux.start("poll") as server:
    ...     print(held_by(Subject(server.address, server.pid), inode=1))
    {}
    """
    counted = {process.pid: held(process.pid, inode) for process in processes(subject)}
    return {pid: count for pid, count in counted.items() if count}


def held_elsewhere(subject: Subject) -> bool:
    """Whether the process that spins holds no client's socket, and another one of the server does; when all have left.

    Example:
    >>> from iomux.conformance.trial.holders import held_elsewhere
    >>> from iomux.conformance.trial.subject import Subject
    >>> with iomux.start("poll") as server:
    ...     print(held_elsewhere(Subject(server.address, server.pid)))
    False
    """
    port = subject.address[1]
    inodes = {one.inode for one in sockets_at(port) if one.local == port and one.state != LISTEN and one.inode}
    with contextlib.suppress(NotSeen, ProcessLookupError):
        pids = [process.pid for process in processes(subject)]
        holding = {pid for pid in pids if any(held(pid, inode) for inode in inodes)}
        return bool(holding) and _busiest(pids) not in holding
    return False


def _busiest(pids: list[int]) -> int:
    """The process that used most processor time in a moment."""
    before = {pid: cpu_time(pid).total for pid in pids}
    time.sleep(_MOMENT_SECONDS)
    return max(pids, key=lambda pid: cpu_time(pid).total - before[pid])


def held(pid: int, inode: int) -> int:
    """How many descriptors of a socket a process has; 0 if that can't be seen."""
    count = 0
    with contextlib.suppress(OSError):  # it has ended, or belongs to somebody else
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                count += os.readlink(entry) == f"socket:[{inode}]"
    return count


def still_held(before: dict[int, int], now: dict[int, int], first: int | None) -> str:
    """Who keeps a connection open that has not ended; empty if it is not seen, or the server itself has not closed it.

    before, now: its `holders`, when the client was served and when the end had not come; first: the server's first PID.

    Example:
    >>> from iomux.conformance.trial.holders import still_held
    >>> still_held({7: 2}, {7: 1}, 7)
    'the server has closed one descriptor of its socket, and another one is open (fork or dup)'
    """
    if sum(now.values()) < sum(before.values()):
        return "the server has closed one descriptor of its socket, and another one is open (fork or dup)"
    if len(now) > 1:
        return "more than one process holds its socket: one of them has inherited it (fork)"
    if now and first not in now:
        return "its socket is held by a child process only: one that serves it, or one that has inherited it (fork)"
    return ""
