"""Which thread copies received bytes: the application's, or one of the kernel's while the application computes.

Bytes wait in many sockets. Each way requests all of them, then the application computes, then it collects the bytes
that are not in yet. If the application's thread copies, copying and computing take place one after the other; if a
thread of the kernel copies, they overlap, and the application has hardly any system time.

The application's thread has the last core, io_uring's threads have all the others. Pinned to one core together (the
default: a worker inherits the core of the thread that submitted) they would take turns, and nothing could overlap.
Cost: some 10 s; `size` times `count` bytes in the kernel and as many in the process, at most 256 MiB each.
"""

from functools import partial

from iomux import servers
from iomux.harness.copying.parts import in_parts
from iomux.harness.copying.who_copies_result import WhoCopies, summarize
from iomux.harness.copying.who_copies_rounds import measure
from iomux.harness.copying.who_copies_ways import WAYS
from iomux.processes.worker import free_core
from iomux.system.limits import check_descriptors, is_whole
from iomux.system.machine import cores

MOST_BYTES = 256 * 1024 * 1024
"""The most bytes that `who_copies` puts into the kernel; the process's memory holds as many."""
MOST_CONNECTIONS = 4096
MOST_REPEATS = 1000
"""The most rounds that `who_copies` accepts."""
_PROCESSES = 2


def who_copies(size: int = 4 * 1024 * 1024, count: int = 32, repeats: int = 10, progress: bool = True) -> WhoCopies:
    """Receive `size` bytes from each of `count` connections while computing, in every way that this machine has.

    size: bytes in each socket's buffer. count: connections; size times count is at most 256 MiB. repeats: rounds; in
    each round every way has one turn. progress: show a bar on standard error.

    A way that this machine lacks is in `.missing`, with the reason. Raises ValueError for invalid arguments,
    RuntimeError if this machine has none of the ways, or if the bytes do not fit into the sockets' buffers or are not
    what was sent.

    Example:
    >>> result = iomux.who_copies(size=65536, count=2, repeats=1, progress=False)
    >>> "blocking" in set(result.frame["way"])
    True
    """
    _check(size, count, repeats)
    size, count, repeats = int(size), int(count), int(repeats)  # NumPy's integers overflow
    missing = {name: why for name, (_, needs) in WAYS.items() if (why := servers.get(needs).why_not())}
    names = [name for name in WAYS if name not in missing]
    if not names:
        raise RuntimeError(f"no way is left to measure: {'; '.join(dict.fromkeys(missing.values()))}")
    core = free_core(None)
    helpers = [other for other in cores() if other != core]  # on a single core `core` is None: that one
    work, bytes_a_round = partial(measure, names, size, count, helpers=helpers), len(names) * size * count
    seen = []
    for part in in_parts(work, repeats, _PROCESSES, bytes_a_round, "the measurement of who copies", progress):
        if part.unfit:
            raise RuntimeError(f"{part.unfit}; choose a smaller size or count")
        seen.append(part)
    return summarize(size, count, seen, missing, core is not None)


def _check(size: int, count: int, repeats: int) -> None:
    """Raise ValueError, saying what to change, for arguments that no machine can run."""
    for name, number in (("size", size), ("count", count), ("repeats", repeats)):
        if not is_whole(number) or number < 1:
            raise ValueError(f"{name} is {number!r}: give a whole number, at least 1")
    if repeats > MOST_REPEATS:
        raise ValueError(f"repeats is {repeats:,}: choose at most {MOST_REPEATS:,}")
    if count > MOST_CONNECTIONS:
        raise ValueError(f"count is {count:,}: choose at most {MOST_CONNECTIONS:,} connections")
    if size * count > MOST_BYTES:
        raise ValueError(
            f"{count:,} times {size:,} bytes are {size * count:,}: "
            f"the kernel has to hold them, choose at most {MOST_BYTES:,}"
        )
    check_descriptors(count, each=2)
