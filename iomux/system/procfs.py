"""What /proc shows of a server: where its threads sleep, its page faults, socket queues, epoll's interest lists.

Who may trace the process, its owner or root, sees them (ptrace(2), access mode checking); `/proc/net/tcp` and the stat
file anybody. `/proc/PID/task/*/wchan` is the kernel function in which a thread sleeps (proc_pid_wchan(5)), and
`/proc/net/tcp` has a line for each TCP socket of the machine, as `ss -tan` prints it (proc_net(5)). The `fdinfo` of an
epoll object's descriptor has its interest list (proc_pid_fdinfo(5)); no file shows its ready list. Reading these files
costs the reader time, not the server.
"""

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from iomux.system.features import SOCKETS_LIST, available
from iomux.system.sockets import Address

if TYPE_CHECKING:
    import pandas as pd

_STATES = {"01": "ESTABLISHED", "0A": "LISTEN", "06": "TIME_WAIT", "08": "CLOSE_WAIT"}
"""Some of include/net/tcp_states.h; others are shown by their number."""
_EPOLL = {
    "EPOLLIN": 0x1,
    "EPOLLPRI": 0x2,
    "EPOLLOUT": 0x4,
    "EPOLLERR": 0x8,
    "EPOLLHUP": 0x10,
    "EPOLLRDHUP": 0x2000,
    "EPOLLEXCLUSIVE": 1 << 28,
    "EPOLLONESHOT": 1 << 30,
    "EPOLLET": 1 << 31,
}
"""Of include/uapi/linux/eventpoll.h; the kernel adds EPOLLERR and EPOLLHUP to every interest (epoll_ctl(2))."""
_WATCHED = re.compile(r"^tfd:\s*(\d+) events:\s*([0-9a-f]+)", re.MULTILINE)
_RUNNING = "0"  # what wchan shows for a thread that does not sleep, or if the reader lacks permission


def _exists(pid: int) -> bool:
    import psutil  # not at the top: the load generator imports this file for `backlog` only

    return psutil.pid_exists(pid)


def watched_ns(fd: int) -> int | None:
    """Nanoseconds for which the SQPOLL thread of our ring `fd` has only watched it; None if the kernel does not say.

    `SqTotalTime` is the thread's processor time, `SqWorkTime` that in which it found work, in µs (Linux 6.9;
    io_uring/fdinfo.c, io_uring/sqpoll.c). Work that ends before the scheduler's next tick may count as 0 and other work
    as a whole tick, so only the sum of several runs means something.
    """
    times = dict(re.findall(r"^(SqTotalTime|SqWorkTime):\t(\d+)$", Path(f"/proc/self/fdinfo/{fd}").read_text(), re.M))
    return 1000 * (int(times["SqTotalTime"]) - int(times["SqWorkTime"])) if len(times) == 2 else None


def asleep_in(pid: int) -> Counter[str]:
    """The kernel functions in which the threads of process `pid` sleep, each with the number of threads.

    "not asleep" counts threads that run or could run, and all threads if the kernel hides wchan.
    Empty on a system without it. Raises ProcessLookupError when the process is gone.

    Example:
    >>> from iomux.system.procfs import asleep_in
    >>> with iomux.start("poll") as server:
    ...     print(asleep_in(server.pid).total())
    1
    """
    if not _exists(pid):
        raise ProcessLookupError(f"process {pid} is gone")
    found: Counter[str] = Counter()
    for thread in Path("/proc").glob(f"{pid}/task/*"):
        try:
            where = (thread / "wchan").read_text().strip()
        except OSError:  # a thread may end before it is read
            continue
        found["not asleep" if where in ("", _RUNNING) else where] += 1
    return found


def page_faults(pid: int) -> int:
    """How often the kernel has given process `pid` a page of memory that it touched for the first time.

    Minor faults: nothing was read from a disk. All of its threads count, ended ones too. proc_pid_stat(5), minflt.
    Raises ProcessLookupError when the process is gone, and on a system without /proc.

    Example:
    >>> from iomux.system.procfs import page_faults
    >>> with iomux.start("poll") as server:
    ...     print(page_faults(server.pid) > 100)
    True
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    return int(stat.rpartition(")")[2].split()[7])  # the name before the bracket may have spaces in it


def queues(address: Address, pid: int | None = None) -> "pd.DataFrame":
    """The TCP sockets of the server at `address`, as the kernel lists them; a row for each socket.

    pid: as for `backlog`: the server's, if it runs in a host of `iomux.network`.

    Columns: `state`; `peer_port`, 0 for the listening socket; `unread_bytes`: bytes that
    arrived and were not read (for the listening socket: connections not yet accepted); `unsent_bytes`: bytes not yet
    acknowledged; `held`: whether a process has a descriptor for it. A connection that is not held is complete but
    known to the kernel only: it waits to be accepted. No rows on a system without this list. While many other
    sockets open and close, a row may be missing: the kernel writes the list page by page (proc_net(5)). One that it
    has written twice is here once.

    Example:
    >>> from iomux.system.procfs import queues
    >>> with iomux.start("poll") as server:
    ...     print(list(queues(server.address)["state"]))
    ['LISTEN']
    """
    import pandas as pd

    lists = Path(SOCKETS_LIST if pid is None else f"/proc/{pid}/net/tcp")
    lines = lists.read_text().splitlines()[1:] if available("queues") else []
    ours = f":{address[1]:04X}"  # filtered before parsing: the machine may have thousands of other sockets
    found = [fields for fields in map(str.split, lines) if fields[1].endswith(ours)]
    rows = {(fields[1], fields[2], fields[9]): _row(fields) for fields in found}  # by both addresses and the inode
    frame = pd.DataFrame(list(rows.values()), columns=["state", "peer_port", "unread_bytes", "unsent_bytes", "held"])
    return frame[frame["state"] != "TIME_WAIT"].sort_values("peer_port").reset_index(drop=True)


def backlog(address: Address, pid: int | None = None) -> int:
    """How many connections wait to be accepted at `address`, on all its listeners; 0 on a system without this list.

    pid: a process on whose network that is (/proc/PID/net, proc_pid_net(5)); by default this one.
    The kernel lists the listening sockets first (net/ipv4/tcp_ipv4.c, tcp_get_idx), so this reads a few lines, not the
    thousands that follow.
    """
    if not available("queues"):
        return 0
    lists = Path(SOCKETS_LIST if pid is None else f"/proc/{pid}/net/tcp")
    tables = (lists, lists.with_name("tcp6"))  # a listener at "::" may be for IPv4, too
    return sum(_backlog(table, f":{address[1]:04X}") for table in tables if table.exists())


def _backlog(table: Path, ours: str) -> int:
    with table.open() as lines:
        next(lines)
        listening = itertools.takewhile(lambda fields: _STATES.get(fields[3]) == "LISTEN", map(str.split, lines))
        return sum(_row(fields)[2] for fields in listening if fields[1].endswith(ours))


def _row(fields: list[str]) -> tuple[str, int, int, int, bool]:
    unsent, unread = (int(number, 16) for number in fields[4].split(":"))
    peer = int(fields[2].rpartition(":")[2], 16)
    return _STATES.get(fields[3], fields[3]), peer, unread, unsent, fields[9] != "0"


def interest_list(pid: int, epoll: int | None = None) -> "pd.DataFrame":
    """The interest lists of a process's epoll objects; a row for each watched descriptor.

    pid: the process. epoll: the descriptor of one of its epoll objects; by default all of them. Columns: `epoll`;
    `descriptor`, the number under which it was registered; `asked`, the names of the events in its interest,
    without EPOLLERR and EPOLLHUP, which are always watched. A one-shot entry that has fired is disarmed and has
    no event left. No rows on a system without it. Raises ProcessLookupError when the process is gone.

    Example:
    >>> import os, select
    >>> from iomux.system.procfs import interest_list
    >>> with select.epoll() as epoll, iomux.listen() as listener:
    ...     epoll.register(listener, select.EPOLLIN)
    ...     print(list(interest_list(os.getpid(), epoll.fileno())["asked"]))
    ['EPOLLIN']
    """
    import pandas as pd

    if not _exists(pid):
        raise ProcessLookupError(f"process {pid} is gone")
    numbers = [entry.name for entry in Path("/proc").glob(f"{pid}/fdinfo/*")] if epoll is None else [str(epoll)]
    rows = [(int(number), *watched) for number in numbers for watched in _watched(pid, number)]
    return pd.DataFrame(sorted(rows), columns=["epoll", "descriptor", "asked"])


def _watched(pid: int, number: str) -> list[tuple[int, str]]:
    try:
        text = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
    except OSError:  # closed meanwhile, or a system without it
        return []
    return [(int(fd), _names(int(events, 16))) for fd, events in _WATCHED.findall(text)]


def _names(events: int) -> str:
    always = ("EPOLLERR", "EPOLLHUP")
    return "|".join(name for name, bit in _EPOLL.items() if events & bit and name not in always)
