"""How many connections this machine can carry at once, both ends of each: what they need, and what there is.

A connection over loopback is two sockets. Each is an open file of the system (fs.file-max, proc_sys_fs(5)), and a
descriptor of a process (RLIMIT_NOFILE, getrlimit(2)); the server's is an entry of an epoll object as well
(fs.epoll.max_user_watches, epoll(7)); and both together take some 10 KB of kernel memory. A port is no limit, because
the clients have all of 127.0.0.0/8 to connect from (`iomux.harness.load.clients.source_of`).

Only a part of the memory that is available is planned for, by default half: a machine that swaps measures nothing, and
a small one is to stay usable. A container's bound counts like the machine's (memory.max,
Documentation/admin-guide/cgroup-v2.rst).
"""

import resource
from pathlib import Path
from typing import NamedTuple

from iomux.processes.sharing.listeners import MOST
from iomux.system.disturbance.cgroups import folders
from iomux.system.limits import check_whole

BYTES_EACH = 12_000
"""What one connection is planned to take, both ends, kernel and Python."""
PROCESS_BYTES = 25_000_000
"""What a process of either side is planned to take, its guard included."""
MEMORY_SHARE = 0.5
"""Which part of the available memory is planned for."""
_MOST_DESCRIPTORS, _SPARE_DESCRIPTORS = 20_000, 64
_SPREAD = 0.93  # SO_REUSEPORT spreads by a hash: a process gets some per cent more than its share
_FILES_SHARE = 0.9
_PROC = Path("/proc")


class Fit(NamedTuple):
    """How many connections are to be opened, from how many processes to how many.

    Example:
    >>> from iomux.harness.room import room
    >>> room(100).processes
    1
    """

    connections: int
    processes: int
    """Of the server, and as many load generators."""
    words: str
    """What they need, and what bounds them if they are fewer than were asked for."""


def room(wanted: int, memory_share: float = MEMORY_SHARE) -> Fit:
    """As many of the wanted connections as this machine has room for, at least one.

    memory_share: which part of the available memory they may take, above 0 and at most 1. Raises ValueError for
    another one, and unless `wanted` is a whole number from 1.

    Example:
    >>> from iomux.harness.room import room
    >>> room(100).connections
    100
    """
    check_whole(wanted=wanted)
    if wanted < 1:
        raise ValueError(f"wanted is {wanted}: give 1 connection or more")
    if not 0 < memory_share <= 1:
        raise ValueError(f"memory_share is {memory_share}: choose above 0 and at most 1")
    bounds = _bounds(memory_share)
    most = min(bounds.values())
    count = max(1, min(wanted, most))
    each = int((_descriptors() - _SPARE_DESCRIPTORS) * _SPREAD)
    processes = -(-count // each)
    needs = f"{count:,} connections need {_needed(count, processes)}"
    if count == wanted:
        return Fit(count, processes, needs)
    why = next(what for what, bound in bounds.items() if bound == most)
    return Fit(count, processes, f"{wanted:,} connections are too many for {why}. {needs}")


def _needed(count: int, processes: int) -> str:
    memory = count * BYTES_EACH + 2 * processes * PROCESS_BYTES
    side = f"{processes} process{'es' if processes > 1 else ''}"
    return f"{memory / 1e9:.1f} GB of memory, {2 * count:,} open files, and {side} at each end"


def _bounds(memory_share: float) -> dict[str, int]:
    """By what bounds them, how many connections fit."""
    each = max(1, int((_descriptors() - _SPARE_DESCRIPTORS) * _SPREAD))
    memory = available_bytes()
    bytes_each = BYTES_EACH + 2 * PROCESS_BYTES / each
    found = {
        f"{memory_share:.0%} of the {memory / 1e9:.1f} GB of memory that are available": int(
            memory * memory_share / bytes_each
        ),
        f"{MOST} processes of {_descriptors():,} descriptors (ulimit -Hn)": MOST * each,
    }
    if files := _numbers("sys/fs/file-nr"):
        open_now, _, most = files
        found[f"the system's {most:,} open files (fs.file-max)"] = int((most - open_now) * _FILES_SHARE) // 2
    if watches := _numbers("sys/fs/epoll/max_user_watches"):
        found[f"the user's {watches[0]:,} entries of epoll (fs.epoll.max_user_watches)"] = watches[0]
    return found


def _descriptors() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)


def available_bytes(proc: Path = _PROC) -> int:
    """The memory to be had without swapping: of the machine (MemAvailable, proc_meminfo(5)), and of its groups."""
    lines = (proc / "meminfo").read_text().splitlines()
    machine = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    groups, mounts = (proc / "self/cgroup").read_text(), (proc / "self/mountinfo").read_text()
    return max(0, min([machine, *(left for folder in folders(groups, mounts) for left in _left(folder))]))


def _left(group: Path) -> list[int]:
    """What a control group may still take; nothing if it is not bounded."""
    try:
        most, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return []
    return [int(most) - int(used)] if most.isdigit() else []


def _numbers(name: str) -> list[int]:
    try:
        return [int(number) for number in (_PROC / name).read_text().split()]
    except OSError:
        return []
