"""A server in a separate process: `launch` returns when it is ready, and it ends with its owner.

In a thread of its client it would share the client's interpreter lock, and the two be measured as one. Cloudpickle
sends a function of a notebook's cell itself, over the child's standard input, which is also the lifeline (see
`iomux.processes.child`). Cost: some 0.1 s to start a Python process.
"""

import contextlib
import os
import subprocess
import tempfile
import weakref
from functools import reduce
from types import TracebackType
from typing import IO, Any

import psutil

from iomux.processes.errors import ServerError, cause_of_end, ended
from iomux.processes.logs import read_log, written_bytes
from iomux.processes.named.place import written
from iomux.processes.ready import Started
from iomux.processes.resolve import Found, check_handler_and_core, check_startable, find, name_of, notes_of
from iomux.processes.sharing.accepted import UNSEEN
from iomux.processes.spawn import end
from iomux.processes.starting import Terms, start_found
from iomux.servers.connection import Handler
from iomux.system.machine import CpuTime, below, cores, cpu_time
from iomux.system.process_tree import exists
from iomux.system.sockets import Address, wait_until_refused

LAST_WORDS_SECONDS = 1.0
"""How long a dying server may take from closing its sockets, which its clients see, to its traceback and end."""


class Server:
    """A running server: its address, its log, its CPU time and memory, and `stop`. Made by `iomux.start`.

    Example:
    >>> with iomux.start("poll") as server:
    ...     print(server)
    <poll server at 127.0.0.1:..., pid ...>
    """

    def __init__(self, name: str, started: Started, log: IO[bytes], notes: tuple[str, ...] = ()) -> None:
        self.name = name
        """Its short name."""
        self.address = started.address
        """(host, port) at which it listens."""
        self.pid = started.pid
        """The id of its process; of a command line's the one that listens, or the first of several."""
        self.notes = (*notes, *started.notes)
        """How it was called and where it listens, if that is not as usual; a line each."""
        self._process, self._alone, self._count = started.process, started.alone, started.counted
        self._log = log
        self._last_log, self._last_written = "", 0
        self._close = weakref.finalize(self, _end_and_close, self._process, log)
        self._stopped = False
        self._owner = os.getpid()

    @property
    def alone(self) -> bool:
        """Whether this process is all of the server; a command line may start others."""
        return self._alone

    @property
    def pids(self) -> tuple[int, ...]:
        """The id of its process, as the only one: `iomux.processes.group.Group` has several."""
        return (self.pid,)

    @property
    def accepted(self) -> int | None:
        """How many clients it has accepted; None unless it is one of several processes, or if it accepts below Python.

        See `iomux.processes.sharing.accepted`.
        """
        return None if self._count is None or self.name in UNSEEN else self._count.accepted

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None and exists(self.pid)

    @property
    def died(self) -> str:
        """How it ended by itself, as in "was ended by SIGKILL"; empty while it runs, and if it was stopped."""
        return "" if self._stopped or self.alive else cause_of_end(self._process)

    @property
    def log(self) -> str:
        """The last 64 KiB that the server has written to its standard output and standard error."""
        if not self._log.closed:
            self._last_log = read_log(self._log)
        return self._last_log

    @property
    def written_bytes(self) -> int:
        """How many bytes it has written there so far; only the end of them is kept (`iomux.processes.logs`)."""
        if not self._log.closed:
            self._last_written = written_bytes(self._log)
        return self._last_written

    def cpu(self) -> CpuTime:
        """User and system seconds of CPU time that it has used so far. Raises ServerError if it has ended.

        Of a command line, the sum over the processes that it has now.
        """
        self.check()
        return reduce(CpuTime.plus, map(cpu_time, filter(psutil.pid_exists, self._processes())))

    @property
    def rss_bytes(self) -> int:
        """Resident memory, in bytes (proc_pid_statm(5)), summed likewise. Raises ServerError if it has ended."""
        self.check()
        return sum(int(psutil.Process(pid).memory_info().rss) for pid in filter(psutil.pid_exists, self._processes()))

    def _processes(self) -> list[int]:
        return [self.pid] if self._alone else below(self.pid)

    def check(self, grace: float = 0.0) -> None:
        """Raise ServerError, with the server's traceback, if it has ended or ends within `grace` seconds."""
        if self._stopped:
            raise ServerError(f"the {self.name} server at {written(*self.address)} was stopped: start it again")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        if not self.alive:
            raise ended(f"{self.name} server (pid {self.pid})", cause_of_end(self._process), self.log)

    def let_go(self) -> None:
        """Let its process end, and do not wait for that: `stop` does."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def stop(self) -> None:
        """End the server and all it has started, and wait until its port is free. Does nothing the second time.

        One of several processes is ended alone: the others have the port.
        """
        again, self._stopped = self._stopped, True
        if _running.get(self.address) is self:
            del _running[self.address]
        end(self._process)
        # In a fork the server still runs, and the wait would time out; so it would if others have the port.
        if not again and self._owner == os.getpid() and self._count is None:
            wait_until_refused(self.address)
        _ = self.log, self.written_bytes  # read once more, so that they stay available
        self._close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = not self._stopped and not self.alive
        try:
            if died and kind is None:
                self.check()
        finally:
            self.stop()

    def __repr__(self) -> str:
        state = f"pid {self.pid}" if self.alive else cause_of_end(self._process)
        return f"<{self.name} server at {written(*self.address)}, {'stopped' if self._stopped else state}>"


def launch(server: Found, handler: Handler | None = None, cpu: int | None = None, port: int | None = None) -> Server:
    """Do what `start` does, but without a link to a notebook's cell: running a cell again does not stop it."""
    return launch_on(server, handler, cores()[0] if cpu is None else cpu, port)


def launch_on(server: Found, handler: Handler | None, core: int | None, port: int | None, *more: Any) -> Server:
    """Do what `launch` does, on this core, or on any if it is None; more: of `iomux.processes.starting.Terms`."""
    check_handler_and_core(handler, core)
    found = find(server)
    check_startable(found, handler, port)
    log = tempfile.TemporaryFile()  # noqa: SIM115 (the Server closes it)
    with contextlib.ExitStack() as on_failure:
        on_failure.callback(log.close)
        started = start_found(found, handler, log, Terms(core, port, *more))
        running = Server(name_of(found), started, log, notes_of(found))
        on_failure.pop_all()
    _running[running.address] = running
    return running


def running_server(address: Address) -> Server | None:
    """The server that this process started at `address`, if there is one."""
    return _running.get(address)


_running: "weakref.WeakValueDictionary[Address, Server]" = weakref.WeakValueDictionary()
os.register_at_fork(after_in_child=_running.clear)  # a fork of the owner does not own them


def _end_and_close(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    end(process)
    log.close()
