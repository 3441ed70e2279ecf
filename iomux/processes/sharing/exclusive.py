"""EPOLLEXCLUSIVE for a server that knows nothing of it: `select.epoll` is replaced in its process.

Without the flag every process that sleeps in epoll on a shared listener is woken for each client, and all but one find
nothing. With it the kernel wakes one sleeper, or a few: the first in the listener's queue of waiters, and it does not
go to the end of that queue. So the same process is woken again and again, as long as it sleeps when a client comes
(epoll_ctl(2), EPOLLEXCLUSIVE; __wake_up_common in kernel/sched/wait.c).

An epoll object can't be subclassed, so the replacement holds one. Its calls are the object's own but for `register`:
the flag is added for the listener only. Cost: a Python call for each client that is registered, none for a request.
"""

import re
import select
import selectors
import socket
import time
from pathlib import Path
from typing import Any

from iomux.system.procfs import asleep_in

_ALLOWED = ("EPOLLIN", "EPOLLOUT", "EPOLLET")  # besides it; others are refused with EINVAL (epoll_ctl(2))
_FLAG = 1 << 28
_EVENTS = re.compile(r"^tfd:\s*\d+ events:\s*([0-9a-f]+)", re.MULTILINE)

_LOOK_SECONDS, _LOOKS_ASLEEP, _SECONDS = 0.02, 10, 5.0


class ExclusiveEpoll:
    """An epoll object that watches one descriptor exclusively; everything else is passed on."""

    def __init__(self, make: Any, descriptor: int, *arguments: Any, **options: Any) -> None:
        self._epoll, self._descriptor = make(*arguments, **options), descriptor
        self._mask = sum(getattr(select, name) for name in _ALLOWED)
        self.poll, self.modify, self.unregister = self._epoll.poll, self._epoll.modify, self._epoll.unregister

    def register(self, fd: Any, eventmask: int = select.POLLIN | select.POLLPRI | select.POLLOUT) -> None:
        """Put a descriptor on the interest list, the listener with EPOLLEXCLUSIVE."""
        number = fd if isinstance(fd, int) else fd.fileno()
        self._epoll.register(number, eventmask & self._mask | _FLAG if number == self._descriptor else eventmask)

    def __enter__(self) -> "ExclusiveEpoll":
        return self

    def __exit__(self, *_: object) -> None:
        self._epoll.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


def wait_exclusively(listener: socket.socket) -> None:
    """Let every epoll object that this process makes from now on watch `listener` exclusively."""
    make, descriptor = select.epoll, listener.fileno()

    def epoll(*arguments: Any, **options: Any) -> ExclusiveEpoll:
        return ExclusiveEpoll(make, descriptor, *arguments, **options)

    select.epoll = epoll  # type: ignore[assignment,misc]
    if hasattr(selectors, "EpollSelector"):  # asyncio's, which has taken the other one already
        selectors.EpollSelector._selector_cls = staticmethod(epoll)  # type: ignore[attr-defined]


def check_exclusive(name: str, pid: int) -> None:
    """Wait until process `pid` waits for its listener exclusively. Raises ValueError if it does not."""
    until, asleep = time.monotonic() + _SECONDS, 0  # asleep: so many times in a row, at something else
    while not _exclusive(pid):
        asleep = asleep + 1 if "not asleep" not in asleep_in(pid) else 0
        if asleep > _LOOKS_ASLEEP or time.monotonic() > until:
            raise ValueError(
                f"{name} does not wait for its listener by Python's select.epoll, so EPOLLEXCLUSIVE can't be set: "
                "choose sharing='inherited' or 'reuseport', which any server can have"
            )
        time.sleep(_LOOK_SECONDS)


def _exclusive(pid: int) -> bool:
    """Whether an epoll object of a process has an exclusive entry (proc_pid_fdinfo(5))."""
    for entry in Path("/proc").glob(f"{pid}/fdinfo/*"):
        try:
            text = entry.read_text()
        except OSError:  # closed meanwhile
            continue
        if any(int(events, 16) & _FLAG for events in _EVENTS.findall(text)):
            return True
    return False
