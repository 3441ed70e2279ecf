"""What the kernel itself dropped, counted machine-wide in /proc/net/netstat (proc_net(5), net/ipv4/proc.c).

A full backlog, or too little memory for sockets, ends or delays connections without the server's doing. The counters
are of the whole machine, so they excuse a failure and never cause one.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path

_REASONS = {
    "TCPAbortOnMemory": "the kernel ended connections for want of memory (TCPAbortOnMemory, tcp(7): tcp_mem)",
    "ListenOverflows": "a backlog was full, and the kernel dropped connections (ListenOverflows, listen(2))",
    "TCPReqQFullDrop": "too many handshakes were under way, and the kernel dropped some (tcp_max_syn_backlog, tcp(7))",
}
"""By counter: what it means for a client that was not served."""


def kernel_drops() -> dict[str, int]:
    """The counters so far; empty on a system that has none."""
    with contextlib.suppress(OSError, ValueError):
        rows = [line.split() for line in Path("/proc/net/netstat").read_text().splitlines() if line[:7] == "TcpExt:"]
        names, numbers = rows[0], rows[1]
        counted = dict(zip(names[1:], map(int, numbers[1:]), strict=False))
        return {name: counted.get(name, 0) for name in _REASONS}
    return {}


def kernel_dropped_since(before: Mapping[str, int]) -> str:
    """Why an item that failed since then may have failed without the server's doing; empty if nothing says so.

    before: what `kernel_drops()` returned when the item began.
    """
    now = kernel_drops()
    return next((reason for name, reason in _REASONS.items() if now.get(name, 0) > before.get(name, 0)), "")
