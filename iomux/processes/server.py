"""Run a server in a separate process: `start` returns when it is ready, and it ends with its owner.

A server in a thread of its client would share the client's interpreter lock, and the two be measured as one. And
`multiprocessing` finds no function of a notebook's cell by name: cloudpickle sends the function itself over the child's
standard input, which is also the lifeline (see `iomux.processes.child`). Cost: some 0.1 s to start a Python process.
"""

import contextlib
import os
import select
import subprocess
import tempfile
import weakref
from types import TracebackType
from typing import IO

import psutil

from iomux import servers
from iomux.processes.errors import ServerError, cause_of_end, ended
from iomux.processes.logs import read_log, written_bytes
from iomux.processes.notebook_cell import replace_earlier_run
from iomux.processes.resolve import name_of, resolve
from iomux.processes.spawn import WITHOUT_SITE, end, outlives, spawn
from iomux.servers.connection import Handler
from iomux.system.machine import CpuTime, cores, cpu_time
from iomux.system.sockets import Address, listen, wait_until_refused

START_SECONDS = 20.0
"""How long a server may take to come up, imports included."""
LAST_WORDS_SECONDS = 1.0
"""How long a dying server may take from closing its sockets, which its clients see, to its traceback and end."""
_SETTLE_SECONDS = 0.03  # a server that fails in its first lines ends within this time, and `start` raises


class Server:
    """A running server: its address, its log, its CPU time and memory, and `stop`. Made by `iomux.start`.

    Example:
    >>> with iomux.start("poll") as server:
    ...     print(server)
    <poll server at 127.0.0.1:..., pid ...>
    """

    def __init__(
        self, name: str, address: Address, pid: int, process: "subprocess.Popen[bytes]", log: IO[bytes]
    ) -> None:
        self.name = name
        """Its short name."""
        self.address = address
        """(host, port) at which it listens."""
        self.pid = pid
        """The id of its process."""
        self._process = process
        self._log = log
        self._last_log, self._last_written = "", 0
        self._close = weakref.finalize(self, _end_and_close, process, log)
        self._stopped = False
        self._owner = os.getpid()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

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
        """User and system seconds of CPU time that it has used so far. Raises ServerError if it has ended."""
        self.check()
        return cpu_time(self.pid)

    @property
    def rss_bytes(self) -> int:
        """Resident memory of its process, in bytes (proc_pid_statm(5)). Raises ServerError if it has ended."""
        self.check()
        return int(psutil.Process(self.pid).memory_info().rss)

    def check(self, grace: float = 0.0) -> None:
        """Raise ServerError, with the server's traceback, if it has ended or ends within `grace` seconds."""
        if self._stopped:
            raise ServerError(f"the {self.name} server at {_written(self.address)} was stopped: start it again")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        if not self.alive:
            raise ended(f"{self.name} server (pid {self.pid})", cause_of_end(self._process), self.log)

    def stop(self) -> None:
        """End the server and all it has started, and wait until its port is free. Does nothing the second time."""
        again, self._stopped = self._stopped, True
        _running.pop(self.address, None)
        end(self._process)
        if not again and self._owner == os.getpid():  # in a fork the server still runs, and the wait would time out
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
        return f"<{self.name} server at {_written(self.address)}, {self._state()}>"

    def _state(self) -> str:
        if self._stopped:
            return "stopped"
        return f"pid {self.pid}" if self.alive else cause_of_end(self._process)


def start(server: str | servers.Serve, handler: Handler | None = None, cpu: int | None = None) -> Server:
    """Run a server in a separate process on a free port of 127.0.0.1; it is ready when this returns.

    server: a registered name (`iomux.names()`), `file.py:function`, or a function `serve(listener, handler=...)`, also
    of a notebook's cell. handler: maps the bytes that arrived to the bytes to send back; by default the server's. cpu:
    the core to run on; by default the first that this process may use, so that `iomux.load` can take another.

    Use it in a `with`, or keep it and call `.stop()`. Running a notebook's cell again stops the servers of its
    last run. Raises LookupError for an unknown or unavailable name, ImportError for a file that can't be imported,
    TypeError for a server or handler that can't be called, ValueError for a core that this process may not use, and
    ServerError with the server's traceback if it does not start.

    Example:
    >>> with iomux.start("poll") as server:
    ...     print(server.alive)
    True
    """
    running = launch(server, handler, cpu)
    replace_earlier_run(running)
    return running


def launch(
    server: str | servers.Serve, handler: Handler | None = None, cpu: int | None = None, main: str = "main"
) -> Server:
    """Do what `start` does, but without a link to a notebook's cell: running a cell again does not stop it.

    main: the function of `iomux.processes.child` that runs it; `main_bounded` ends it when it takes too much.
    """
    if handler is not None and not callable(handler):
        raise TypeError(f"handler is {handler!r}: give a function that takes the bytes that came and returns an answer")
    serve, name = resolve(server), name_of(server)
    core = cores()[0] if cpu is None else cpu
    if core not in cores():
        raise ValueError(f"cpu {cpu} is not among the cores this process may use: {cores()}")
    log = tempfile.TemporaryFile()  # noqa: SIM115 (the Server closes it)
    with listen() as listener, contextlib.ExitStack() as on_failure:
        on_failure.callback(log.close)
        work = {"serve": serve, "handler": handler, "cpu": core, "descriptor": listener.fileno()}
        options = WITHOUT_SITE if isinstance(serve, str) and handler is None else ()
        process = spawn("iomux.processes.child", work, log, (listener.fileno(),), options, main)
        on_failure.callback(end, process)
        pid = _wait_until_ready(name, process, log)
        on_failure.pop_all()
        running = Server(name, listener.getsockname()[:2], pid, process, log)
    _running[running.address] = running
    return running


def running_server(address: Address) -> Server | None:
    """The server that this process started at `address`, if there is one."""
    return _running.get(address)


_running: "weakref.WeakValueDictionary[Address, Server]" = weakref.WeakValueDictionary()
os.register_at_fork(after_in_child=_running.clear)  # a fork of the owner does not own them


def _wait_until_ready(name: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> int:
    """The server's process id, which it reports when it is ready."""
    assert process.stdout is not None
    poller = select.poll()
    poller.register(process.stdout, select.POLLIN)
    came = poller.poll(START_SECONDS * 1000)
    ready, _, pid = os.read(process.stdout.fileno(), 16).partition(b" ") if came else (b"", b"", b"")
    if not (ready == b"ready" and outlives(process, int(pid), _SETTLE_SECONDS)):
        cause = cause_of_end(process) if came else f"was not ready after {START_SECONDS:.0f} s"
        raise ended(f"{name} server", cause, read_log(log))
    return int(pid)


def _end_and_close(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    end(process)
    log.close()


def _written(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
