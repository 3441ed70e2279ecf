"""What the kernel itself dropped: connections that found a backlog full, or no memory, without the server's doing.

A backlog's drops are counted for each listening socket (sock_diag(7)), what is dropped for want of memory only for the
whole machine (/proc/net/netstat; proc_net(5), net/ipv4/proc.c): so they excuse a failure and never cause one.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from iomux.system.sock_diag import sockets_at

_OVERFLOWS = "ListenOverflows"
_MACHINE_WIDE = {
    "TCPAbortOnMemory": "the kernel ended connections for want of memory (TCPAbortOnMemory, tcp(7): tcp_mem)",
    "TCPReqQFullDrop": "too many handshakes were under way, and the kernel dropped some (tcp_max_syn_backlog, tcp(7))",
}
_REASONS = _MACHINE_WIDE | {
    _OVERFLOWS: "the backlog was full, and the kernel dropped connections (ListenOverflows, listen(2))"
}
"""By counter: what it means for a client that was not served."""


def kernel_drops(port: int) -> dict[str, int]:
    """The counters so far, for the listening sockets at this port and for the machine; 0 where there is none."""
    counted = {_OVERFLOWS: sum(one.dropped for one in sockets_at(port))}
    with contextlib.suppress(OSError, ValueError, IndexError):
        rows = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines() if line[:7] == "TcpExt:"]
        counted |= {name: int(number) for name, number in zip(*rows[:2], strict=False) if name in _MACHINE_WIDE}
    return {name: counted.get(name, 0) for name in _REASONS}


def kernel_dropped_since(before: Mapping[str, int], port: int, answered: bool) -> str:
    """Why an item that failed since then may have failed without the server's doing; empty if nothing says so.

    before: what `kernel_drops` returned when the item began. answered: whether the client was served at all: then it
    had its place in the backlog, be it at the second try.
    """
    now = kernel_drops(port)
    asked = _MACHINE_WIDE if answered else _REASONS
    return next((reason for name, reason in asked.items() if now[name] > before[name]), "")
