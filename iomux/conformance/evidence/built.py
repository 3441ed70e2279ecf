"""How a server is built, as far as /proc shows it, with two clients that have sent a byte and now are silent.

Its processes and threads; the epoll and io_uring objects among its descriptors (proc_pid_fd(5)); whether its sockets
have O_NONBLOCK (the flags in proc_pid_fdinfo(5)); the system call in which each thread sleeps (proc_pid_syscall(5), or
the kernel function in proc_pid_wchan(5)). A container or another user may be forbidden to read any of these: then that
part is "not seen".
"""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from iomux.conformance.evidence.calls import call_of
from iomux.conformance.evidence.conversation import Line
from iomux.conformance.evidence.replay import replay
from iomux.conformance.evidence.rest import wait_for_rest
from iomux.conformance.trial.subject import Fault, NotSeen, Subject, processes
from iomux.system.sock_diag.at_port import sockets_at
from iomux.system.sock_diag.other_end import ESTABLISHED


def built(subject: Subject) -> str:
    """One line: how the server is built, seen while two of its clients are silent; empty if nothing is known of it."""
    two = [line for client in (1, 2) for line in (Line(client, "connect"), Line(client, "send", b"a"))]
    seen = list[str]()

    def describe() -> None:
        with contextlib.suppress(NotSeen, Fault, OSError):
            seen.append(_description(subject))

    replay(tuple(two), subject, patience=0.3, at_the_end=describe)
    return seen[0] if seen else ""


def _description(subject: Subject) -> str:
    wait_for_rest(subject)
    pids = [process.pid for process in processes(subject)]
    threads = sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids)
    kinds = _waits_with(pids)
    return (
        f"{_count(len(pids), 'process')}, {_count(threads, 'thread')}{f', {kinds}' if kinds else ''}; "
        f"clients' sockets {_blocking(pids, subject.address[1])}; {_asleep(pids)}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"


def _descriptors(pid: int) -> Iterator[tuple[str, str]]:
    """Each descriptor's number and what it refers to. Raises PermissionError if that is hidden."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            yield number, os.readlink(f"/proc/{pid}/fd/{number}")


def _waits_with(pids: list[int]) -> str:
    """The kernel objects for many descriptors that it has open."""
    try:
        open_ones = {name for pid in pids for _, name in _descriptors(pid)}
    except OSError:
        return "its descriptors are not seen"
    kinds = {"[eventpoll]": "epoll", "[io_uring]": "io_uring"}
    return " and ".join(kind for name, kind in kinds.items() if f"anon_inode:{name}" in open_ones)


def _blocking(pids: list[int], port: int) -> str:
    """Whether the sockets of its connections have O_NONBLOCK."""
    try:
        ours = {f"socket:[{one.inode}]" for one in sockets_at(port) if one.state == ESTABLISHED}
        flags = {_nonblocking(pid, number) for pid in pids for number, name in _descriptors(pid) if name in ours}
    except OSError:
        return "not seen"
    if not flags:
        return "not accepted"
    return "some blocking, some nonblocking" if len(flags) > 1 else "nonblocking" if True in flags else "blocking"


def _nonblocking(pid: int, number: str) -> bool:
    text = Path(f"/proc/{pid}/fdinfo/{number}").read_text()
    found = re.search(r"^flags:\s*(\d+)", text, re.MULTILINE)
    return bool(found and int(found[1], 8) & os.O_NONBLOCK)


def _asleep(pids: list[int]) -> str:
    """In which calls its threads sleep."""
    calls = Counter(call for pid in pids for task in Path(f"/proc/{pid}/task").iterdir() if (call := call_of(task)))
    if not calls:
        return "what it sleeps in is not seen"
    if set(calls) == {"running"}:
        return "never asleep"
    return "asleep in " + " and ".join(sorted(call for call in calls if call != "running"))
