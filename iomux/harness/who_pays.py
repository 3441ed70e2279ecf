"""Whose memory it is: the kernel's caches, the page tables, the processes, from /proc, at one moment and between two.

The kernel takes objects of one kind from a cache of its own: a TCP socket from "TCP", its file from "filp", its inode
from "sock_inode_cache", its entry in epoll from "eventpoll_epi" (slabinfo(5)). What a cache takes is its slabs, pages
that it has from the system, whether all of their objects are in use or not. Only root may read /proc/slabinfo;
everybody sees the sum of all caches (Slab, proc_meminfo(5)). Caches of the same size are merged, and then only one
name is shown (mm/slab_common.c, slab_unmergeable). Cost: some ms a reading.
"""

import mmap
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_OF_PROCESSES = ("AnonPages", "PageTables", "KernelStack", "Percpu")


class MemoryReading(NamedTuple):
    """The machine's memory at one moment, in bytes, and its TCP sockets.

    Example:
    >>> from iomux.harness.who_pays import memory
    >>> memory().available > 1_000_000
    True
    """

    available: int
    """What can be had without swapping (MemAvailable)."""
    slab: int
    """All of the kernel's caches."""
    processes: dict[str, int]
    """Of /proc/meminfo what the processes have themselves: `AnonPages`, `PageTables`, `KernelStack`, `Percpu`."""
    caches: dict[str, int]
    """The kernel's caches, by name; empty unless the reader is root."""
    sockets: int
    """The TCP sockets in use, both ends (/proc/net/sockstat)."""
    buffers: int
    """What lies in their buffers, in bytes (mem, there in pages)."""


def memory(proc: Path = _PROC) -> MemoryReading:
    """Read it now.

    Example:
    >>> from iomux.harness.who_pays import memory
    >>> memory().slab > 0
    True
    """
    info = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in (proc / "meminfo").read_text().splitlines()}
    tcp = _sockstat(proc)
    return MemoryReading(
        info["MemAvailable"],
        info["Slab"],
        {name: info[name] for name in _OF_PROCESSES if name in info},
        _caches(proc),
        tcp.get("inuse", 0),
        tcp.get("mem", 0) * mmap.PAGESIZE,
    )


def _sockstat(proc: Path) -> dict[str, int]:
    for line in (proc / "net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            fields = line.split()[1:]
            return {name: int(number) for name, number in zip(fields[::2], fields[1::2], strict=True)}
    return {}


def _caches(proc: Path) -> dict[str, int]:
    try:
        lines = (proc / "slabinfo").read_text().splitlines()[2:]
    except OSError:
        return {}
    found = {}
    for fields in map(str.split, lines):  # ... <pagesperslab> : tunables ... : slabdata <active_slabs> <num_slabs> ...
        found[fields[0]] = int(fields[5]) * int(fields[14]) * mmap.PAGESIZE
    return found


def grown(before: MemoryReading, after: MemoryReading, connections: int) -> dict[str, float]:
    """Bytes for each connection that came between two readings, by who has them; what shrank is left out.

    Of the caches those that took at least 16 bytes a connection, the rest of them together.

    Example:
    >>> from iomux.harness.who_pays import MemoryReading, grown
    >>> before = MemoryReading(10**9, 1000, {"AnonPages": 0}, {"TCP": 0, "dentry": 1000}, 0, 0)
    >>> after = MemoryReading(10**9 - 7000, 7000, {"AnonPages": 1000}, {"TCP": 5000, "dentry": 2000}, 20, 0)
    >>> grown(before, after, 10)
    {'TCP': 500.0, 'dentry': 100.0, 'AnonPages': 100.0}
    """
    each = {name: (size - before.caches.get(name, 0)) / connections for name, size in after.caches.items()}
    found = dict(sorted(((name, size) for name, size in each.items() if size >= 16), key=lambda item: -item[1]))
    rest = (after.slab - before.slab) / connections - sum(found.values())
    found |= {"other caches" if found else "the kernel's caches": rest}
    found |= {name: (size - before.processes.get(name, 0)) / connections for name, size in after.processes.items()}
    return {name: size for name, size in found.items() if size >= 1}
