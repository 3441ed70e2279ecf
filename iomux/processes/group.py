"""Several processes behind one address: started together, seen one by one and in sum, and ended together.

Each of them is a `Server` that knows its own processor time, memory, log and number of accepted clients. One that dies
is reported, and the others go on: with a shared listener nobody notices, with SO_REUSEPORT those who wait in its queue
are reset (`iomux.processes.sharing.listeners`). Cost: that of so many single servers; they start side by side.
"""

import os
import socket
import tempfile
import time
import weakref
from contextlib import ExitStack
from functools import reduce
from types import TracebackType

from iomux.processes.errors import ServerError
from iomux.processes.named.place import written
from iomux.processes.ready import Started, wait_until_ready
from iomux.processes.resolve import Found, check_handler_and_core, check_startable, find, name_of, own_listener
from iomux.processes.server import Server
from iomux.processes.sharing.accepted import Count
from iomux.processes.sharing.exclusive import check_exclusive
from iomux.processes.sharing.listeners import check_sharing, listeners
from iomux.processes.spawn import end
from iomux.processes.starting import Terms, spawn_function
from iomux.servers.connection import Handler
from iomux.system.machine import CpuTime
from iomux.system.sockets import Address, wait_until_refused

_LOOK_SECONDS = 0.02
_FREE = "127.0.0.1", 0


class Group:
    """Several processes that serve one address. Made by `iomux.start(server, processes=...)`.

    Example:
    >>> with iomux.start("poll", processes=2) as group:
    ...     print(group, len(group.processes), group.accepted)
    <poll servers at 127.0.0.1:..., reuseport, pids ... ...> 2 0
    """

    def __init__(self, processes: tuple[Server, ...], sharing: str) -> None:
        self.processes = processes
        """A `Server` for each process; its `stop` ends this one only."""
        self.sharing = sharing
        """How they share the address: "reuseport", "inherited" or "exclusive"."""
        self.name, self.address, self.notes = processes[0].name, processes[0].address, processes[0].notes
        self._stopped, self._owner = False, os.getpid()

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of those processes that run."""
        return tuple(one.pid for one in self._running())

    @property
    def alive(self) -> bool:
        """Whether at least one process runs."""
        return bool(self._running())

    @property
    def died(self) -> tuple[str, ...]:
        """Which processes have ended, though nobody had stopped them, and how; a line each."""
        count = len(self.processes)
        ends = [(number, one.pid, one.died) for number, one in enumerate(self.processes, 1)]
        return tuple(f"process {number} of {count} (pid {pid}) {how}" for number, pid, how in ends if how)

    @property
    def log(self) -> str:
        """What they have written to their standard output and error, one after another, with a line above each."""
        logs = [(number, one.pid, one.log) for number, one in enumerate(self.processes, 1) if one.log]
        return "".join(f"--- process {number}, pid {pid}\n{log.rstrip()}\n" for number, pid, log in logs)

    @property
    def accepted(self) -> int | None:
        """How many clients all of them have accepted, those that have ended included; None if they are not counted."""
        counts = [one.accepted for one in self.processes]
        return None if None in counts else sum(count or 0 for count in counts)

    def cpu(self) -> CpuTime:
        """User and system seconds of CPU time, in sum of those that run. Raises ServerError if none does."""
        self.check()
        return reduce(CpuTime.plus, [one.cpu() for one in self._running()])

    @property
    def rss_bytes(self) -> int:
        """Resident memory, in bytes, likewise; pages that they share are counted for each of them."""
        self.check()
        return sum(one.rss_bytes for one in self._running())

    def check(self, grace: float = 0.0) -> None:
        """Raise ServerError, with the log, if no process is left, or the last one ends within `grace` seconds."""
        if self._stopped:
            raise ServerError(f"the {self.name} servers at {written(*self.address)} were stopped: start them again")
        until = time.monotonic() + grace
        while self.alive and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        if not self.alive:
            raise self._all_gone()

    def _all_gone(self) -> ServerError:
        why = "; ".join(self.died) or "each of them was stopped"
        return ServerError(f"none of the {self.name} servers runs: {why}:\n{self.log or 'no output'}", why, self.log)

    def _running(self) -> list[Server]:
        return [one for one in self.processes if one.alive]

    def stop(self) -> None:
        """End all processes and what they have started, and wait until the port is free. Again: does nothing."""
        again, self._stopped = self._stopped, True
        for one in self.processes:  # first let go of all: they end side by side
            one.let_go()
        for one in self.processes:
            one.stop()
        if not again and self._owner == os.getpid():
            wait_until_refused(self.address)

    def __enter__(self) -> "Group":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = () if self._stopped else self.died
        log = self.log if died else ""
        self.stop()
        if died and kind is None:
            raise ServerError(
                f"the {self.name} servers: {'; '.join(died)}:\n{log or 'no output'}", "; ".join(died), log
            )

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else f"{self.sharing}, pids {' '.join(map(str, self.pids))}"
        died = "" if self._stopped else "".join(f"; {one}" for one in self.died)
        return f"<{self.name} servers at {written(*self.address)}, {state}{died}>"


def launch_group(
    server: Found,
    handler: Handler | None,
    core: int | None,
    port: int | None,
    processes: int,
    sharing: str,
    at: Address = _FREE,
) -> Group:
    """Start a server in several processes; all are ready when this returns.

    at: the address that they share. Raises as `iomux.start`, and OSError for an address that can't be had.
    """
    check_sharing(processes, sharing)
    check_handler_and_core(handler, core)
    found = find(server)
    if own_listener(found):
        raise ValueError(
            f"{name_of(found)} makes its own listener, which {processes} processes can't share: give a function "
            "serve(listener, handler=echo), which is given one, or start it without processes"
        )
    check_startable(found, handler, port)
    with ExitStack() as on_failure:
        with listeners(processes, sharing, *at) as shared:
            members = _members(found, handler, core, shared, sharing, on_failure)
        if sharing == "exclusive":
            for one in members:
                check_exclusive(one.name, one.pid)
        on_failure.pop_all()
    group = Group(members, sharing)
    _groups[group.address] = group
    return group


def running_group(address: Address) -> Group | None:
    """The group that this process started at `address`, if there is one that was not stopped."""
    group = _groups.get(address)
    return None if group is None or group._stopped else group


_groups: "weakref.WeakValueDictionary[Address, Group]" = weakref.WeakValueDictionary()
os.register_at_fork(after_in_child=_groups.clear)  # a fork of the owner does not own them


def _members(
    found: Found, handler: Handler | None, core: int | None, shared: list[socket.socket], sharing: str, undo: ExitStack
) -> tuple[Server, ...]:
    begun, address, name = [], shared[0].getsockname()[:2], name_of(found)
    for listener in shared:
        log, counted = tempfile.TemporaryFile(), Count()  # noqa: SIM115 (the Server closes it)
        undo.callback(log.close)
        with counted:
            more = counted.descriptor, sharing == "exclusive"
            process = spawn_function(found, handler, log, Terms(core, None), listener, *more)
        undo.callback(end, process)
        begun.append((process, log, counted))
    return tuple(
        Server(name, Started(process, wait_until_ready(name, process, log), address, (), True, counted), log)
        for process, log, counted in begun
    )
