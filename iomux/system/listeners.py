"""Who listens where: the listening TCP sockets of processes, and what still keeps a port.

A descriptor of a socket is a link to its inode in `/proc/PID/fd`, and `/proc/PID/net/tcp` and `tcp6` list the sockets
of the process's network namespace with their addresses, states and inodes, those that listen first (proc_pid_net(5),
net/ipv4/tcp_ipv4.c, tcp_get_idx). No client has to connect to find out. Cost: some 50 µs a process, and a line for
each listening socket of the machine. Where there is no /proc, psutil asks the system.
"""

import contextlib
import ipaddress
import itertools
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"  # include/net/tcp_states.h
_TABLES = {"tcp": socket.AF_INET, "tcp6": socket.AF_INET6}


class Listener(NamedTuple):
    """A listening socket, and a process that holds it."""

    host: str
    """The address at which it listens; 0.0.0.0 and :: mean every address of the machine."""
    port: int
    pid: int


def listeners(pids: Iterable[int]) -> list[Listener]:
    """The listening sockets of these processes, in their order; a process that is gone or hidden has none.

    Example:
    >>> import os
    >>> from iomux.system.listeners import listeners
    >>> with iomux.listen() as listener:
    ...     [one.host for one in listeners([os.getpid()]) if one.port == listener.getsockname()[1]]
    ['127.0.0.1']
    """
    return [one for pid in pids for one in (_from_proc(pid) if Path("/proc/net").exists() else _from_psutil(pid))]


def _from_proc(pid: int) -> list[Listener]:
    held = _socket_inodes(pid)
    return [Listener(host, port, pid) for inode, host, port in _listening(pid) if inode in held] if held else []


def _from_psutil(pid: int) -> list[Listener]:
    import psutil

    with contextlib.suppress(psutil.Error):
        found = psutil.Process(pid).net_connections("tcp")
        return [Listener(one.laddr.ip, one.laddr.port, pid) for one in found if one.status == psutil.CONN_LISTEN]
    return []


def _socket_inodes(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    inodes = set[str]()
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # closed meanwhile
                kind, _, inode = os.readlink(entry.path).partition(":")
                if kind == "socket":
                    inodes.add(inode.strip("[]"))
    return inodes


def _listening(pid: int | str) -> Iterator[tuple[str, str, int]]:
    """Inode, host and port of each listening socket in a process's network namespace."""
    for table, family in _TABLES.items():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/net/{table}", encoding="ascii") as lines:
            next(lines, None)
            for fields in itertools.takewhile(lambda fields: fields[3] == _LISTEN, map(str.split, lines)):
                yield fields[9], *_address(fields[1], family)


def _address(text: str, family: int) -> tuple[str, int]:
    """An address as the kernel prints it: each 32-bit word of it in the byte order of the machine."""
    number, _, port = text.partition(":")
    words = [int(number[start : start + 8], 16) for start in range(0, len(number), 8)]
    host = ipaddress.ip_address(socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words)))
    mapped = getattr(host, "ipv4_mapped", None)  # an IPv6 socket at an IPv4 address
    return str(mapped or host), int(port, 16)


def who_listens(port: int) -> str:
    """The process that listens at a port, as in "pid 7 (node)"; empty if nobody does.

    Example:
    >>> from iomux.system.listeners import who_listens
    >>> with iomux.listen() as listener:
    ...     who_listens(listener.getsockname()[1])
    'pid ... (...)'
    """
    inodes = {inode for inode, _, where in _listening("self") if where == port}
    if not inodes:
        return ""
    for entry in sorted((one for one in os.listdir("/proc") if one.isdigit()), key=int):
        with contextlib.suppress(OSError):
            if inodes & _socket_inodes(int(entry)):
                return f"pid {entry} ({Path(f'/proc/{entry}/comm').read_text().strip()})"
    return "a process that this user may not look into"


def listening() -> list[Listener]:
    """Every listening socket in this network namespace; whose it is is not looked up: their pid is 0."""
    return [Listener(host, port, 0) for _, host, port in _listening("self")]


def peers(port: int) -> set[int]:
    """The other ends' ports of the connections that keep a port, those that have ended included (TIME_WAIT, tcp(7)).

    Example:
    >>> from iomux.system.listeners import peers
    >>> with iomux.listen() as listener:
    ...     peers(listener.getsockname()[1])
    set()
    """
    ours, found = f":{port:04X}", set[int]()
    for table in _TABLES:
        with contextlib.suppress(OSError), open(f"/proc/self/net/{table}", encoding="ascii") as lines:
            kept = (fields for fields in map(str.split, lines) if fields[1].endswith(ours) and fields[3] != _LISTEN)
            found |= {int(fields[2].rpartition(":")[2], 16) for fields in kept}
    return found


def first_port_of_clients() -> int:
    """The lowest port that the kernel gives to a client (ip(7), ip_local_port_range); 0 where that is not known."""
    with contextlib.suppress(OSError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return 0
